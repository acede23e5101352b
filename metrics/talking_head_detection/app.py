"""The Space of the metric, which computes the numbers of a table of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import evaluate

if TYPE_CHECKING:
    import gradio

FOLDER = Path(__file__).resolve().parent
EXAMPLE = [[0.1, 0], [0.4, 0], [0.35, 1], [0.8, 1]]


def measure(
    rows: list[list[float | str]],
    method: str = "conservative",
    fprs: str = "",
    threshold: float | None = None,
) -> dict[str, Any]:
    """Return the result of the metric for a table.

    Args:
        rows: P(fake) and the label of each video; empty rows are left out.
        method: The method that reads T1 and T0.1 off the ROC curve.
        fprs: More false-alarm rates to read the TPR at, separated by commas or spaces.
        threshold: A threshold that was fixed on other videos; None for none.

    Raises:
        ValueError: A row is not two numbers, a rate is not a number, or the metric cannot be
            computed; the message says why.
    """
    try:
        pairs = [
            (float(score), float(label)) for score, label in rows if (score, label) != ("", "")
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"every row needs P(fake) and a label: {error}") from error
    if any(label not in (0, 1) for _, label in pairs):
        raise ValueError("labels must be 0 (real) or 1 (fake)")
    metric = evaluate.load(str(FOLDER / "talking_head_detection.py"), keep_in_memory=True)
    computed: dict[str, Any] = metric.compute(
        predictions=[score for score, _ in pairs],
        references=[int(label) for _, label in pairs],
        method=method,
        fprs=_read_rates(fprs),
        threshold=threshold,
    )
    return computed


def _read_rates(text: str) -> list[float] | None:
    words = text.replace(",", " ").split()
    try:
        return [float(word) for word in words] or None
    except ValueError as error:
        raise ValueError(
            f"false-alarm rates are numbers such as 0.1, 0.01, 1e-5: {error}"
        ) from error


def build_app() -> gradio.Interface:
    """Return the page; it is our own because the widget of `evaluate` needs gradio 3."""
    import gradio as gr

    return gr.Interface(
        fn=measure,
        inputs=[
            gr.Dataframe(
                value=EXAMPLE,
                headers=["P(fake)", "label (1 = fake)"],
                datatype="number",
                type="array",
                label="One row per video",
            ),
            gr.Dropdown(["conservative", "interpolate", "nearest"], label="Method for T1 and T0.1"),
            gr.Textbox(
                label="More false-alarm rates",
                info="For the TPR at each of them, such as 0.1, 0.01, 1e-5. May be left empty.",
            ),
            gr.Number(
                value=None,
                label="Threshold",
                info="One that was chosen on validation videos, for accuracy, F1 and false alarms."
                " May be left empty.",
            ),
        ],
        outputs=gr.JSON(label="Result"),
        title="Talking-head deepfake detection",
        article=(FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)[-1],
        flagging_mode="never",
    )


if __name__ == "__main__":
    build_app().launch(show_error=True)

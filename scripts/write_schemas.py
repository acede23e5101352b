"""Write the JSON Schemas of ``thb/schemas`` again, after a record has changed."""

from __future__ import annotations

from pathlib import Path

from thb.evaluation.schemas import FOLDER, write_schemas

if __name__ == "__main__":
    write_schemas(Path(__file__).resolve().parents[1] / "thb" / FOLDER)

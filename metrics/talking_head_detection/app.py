"""The Space of the metric."""

import evaluate
from evaluate.utils import launch_gradio_widget

launch_gradio_widget(evaluate.load("luchaoqi/talking_head_detection"))

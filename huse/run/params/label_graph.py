"""Parameters of the stage `label_graph`: what the labels and their encoder declare, under one section."""

from huse.encoders.sentences import LabelEncoderSettings
from huse.labels.vectors import LabelSettings


class LabelGraphParams(LabelSettings, LabelEncoderSettings):
    """What a label is, what its vector is, and from what the distances of labels come."""

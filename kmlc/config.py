"""Every setting of kmlc, typed, with one line of meaning; the only place where a default stands.

A setting comes from, later wins: the defaults here, `configs/<model>.yaml`, `--config FILE`, flags such as
`--train.batch_size 30`. `python train.py --model hybrid --print_config` shows what they come to.
Where a published system differs from a default here, its YAML says so.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

IMAGE_SIZE = 224
"""What `images.size: auto` stands for, in pixels."""
SAMPLE_IMAGE_SIZE = 64
"""The same on the built-in sample, where a model takes images as small as that."""

LabelKind = Literal["auto", "integer", "name"]

if TYPE_CHECKING:
    # To a type checker these are numbers; at run time jsonargparse also holds them to their range.
    Seed: TypeAlias = int
    PositiveInt: TypeAlias = int
    NonNegativeInt: TypeAlias = int
    PositiveFloat: TypeAlias = float
    NonNegativeFloat: TypeAlias = float
    ClosedUnitInterval: TypeAlias = float
    OpenUnitInterval: TypeAlias = float
    HalfOpenUnitInterval: TypeAlias = float
    AspectRatio: TypeAlias = float
    Angle: TypeAlias = float
else:
    from jsonargparse.typing import (
        ClosedUnitInterval,
        NonNegativeFloat,
        NonNegativeInt,
        OpenUnitInterval,
        PositiveFloat,
        PositiveInt,
        restricted_number_type,
    )

    Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])
    HalfOpenUnitInterval = restricted_number_type("HalfOpenUnitInterval", float, [(">=", 0), ("<", 1)])
    AspectRatio = restricted_number_type("AspectRatio", float, [(">=", 1), ("<=", 100)])
    Angle = restricted_number_type("Angle", float, [(">=", 0), ("<=", 180)])


@dataclass(frozen=True)
class TableConfig:
    """Files and columns of the data folder.

    Attributes:
        train: table of the labelled rows, in the data folder; without it, class folders in train/ are read.
        test: table of the rows to predict, in the data folder; without it, images in test/ are read.
        test_labels: labels of the test rows, if the data folder has them; used only to print a score.
        images: folder of the images, in the data folder.
        image_column: column with the image's file name.
        label_column: column with the labels; in a hierarchy, with the one subclass.
        superclass_column: column with the superclass; null unless the labels are a hierarchy of two levels.
        caption_column: column with the caption; a table may lack it, then every caption is empty.
    """

    train: str = "train.csv"
    test: str = "test.csv"
    test_labels: str = "test_labels.csv"
    images: str = "data"
    image_column: str = "ImageID"
    label_column: str = "Labels"
    superclass_column: str | None = None
    caption_column: str = "Caption"


@dataclass(frozen=True)
class LabelsConfig:
    """What a label is.

    Attributes:
        delimiter: what stands between two labels of a row; with class folders always /.
        kind: integer or name; auto takes integer when more than half of a table's entries are integers.
        vocabulary: the labels, in the order of the submission; null learns them from the training table.
        names: table in the data folder with a name for each label, if there is one.
        superclass_names: the same for the superclasses of a hierarchy, whose `names` are of its subclasses.
        names_label_column: column of these tables with the label.
        names_name_column: column of these tables with the name.
        unknown: what to do with a label that is not in the given vocabulary, error or drop (and count).
    """

    delimiter: str = " "
    kind: LabelKind = "auto"
    vocabulary: list[int | str] | None = None
    names: str = "label_names.csv"
    superclass_names: str = "superclass_names.csv"
    names_label_column: str = "Label"
    names_name_column: str = "Name"
    unknown: Literal["error", "drop"] = "error"


@dataclass(frozen=True)
class SplitConfig:
    """How labelled rows are divided into training, validation and test.

    Attributes:
        method: stratified keeps every label's share (iterative stratification); random does not.
        validation: part of the labelled rows held out to pick the best epoch and fit the thresholds.
        test: part of the labelled rows held out from both; 0 holds out none.
    """

    method: Literal["stratified", "random"] = "stratified"
    validation: OpenUnitInterval = 0.2
    test: HalfOpenUnitInterval = 0.0


@dataclass(frozen=True)
class ImagesConfig:
    """How images are read and, in training, varied.

    Attributes:
        size: height and width after resizing, in pixels; auto is 224, and 64 on the built-in sample.
        max_pixels: an image with more pixels than this is set aside unread.
        horizontal_flip: mirror half of the training images left to right.
        vertical_flip: mirror half of the training images top to bottom.
        crop: smallest part of each side that a random training crop keeps; 1 crops nothing.
        crop_area: smallest part of the area that a random training crop keeps (RandomResizedCrop); 1 is off.
        crop_ratio: crop_area only; most that width differs from height in that crop, as a factor.
        rotation: training images are rotated by up to this many degrees either way.
        translation: training images are shifted by up to this part of their size, along both sides.
        zoom: training images are made smaller or larger by up to this part; 0.2 is 0.8 to 1.2.
        brightness: brightness of training images varies by up to this part; 0.3 is 0.7 to 1.3.
        contrast: contrast of training images varies by up to this part.
        saturation: saturation of training images varies by up to this part.
        erasing: part of the training images of which a random rectangle is filled with noise.
        erasing_area: erasing only; largest part of the area of that rectangle, the smallest is a tenth of it.
    """

    size: PositiveInt | Literal["auto"] = "auto"
    max_pixels: PositiveInt = 50_000_000
    horizontal_flip: bool = True
    vertical_flip: bool = False
    crop: OpenUnitInterval | Literal[1] = 0.8
    crop_area: OpenUnitInterval | Literal[1] = 1
    crop_ratio: AspectRatio = 4 / 3
    rotation: Angle = 0.0
    translation: ClosedUnitInterval = 0.0
    zoom: HalfOpenUnitInterval = 0.0
    brightness: ClosedUnitInterval = 0.0
    contrast: ClosedUnitInterval = 0.0
    saturation: ClosedUnitInterval = 0.0
    erasing: ClosedUnitInterval = 0.0
    erasing_area: OpenUnitInterval = 0.2

    @property
    def resolved_size(self) -> int:
        """The size in pixels, of settings that passed `kmlc.training.resolve`."""
        if self.size == "auto":
            raise ValueError("images.size: expected a number, as kmlc.training.resolve sets it; got auto")
        return self.size


@dataclass(frozen=True)
class TowerConfig:
    """The image model.

    Attributes:
        name: none leaves the images out; mlp takes feature vectors in their place; `train.py --models` lists
            the others.
        weights: none starts from scratch; imagenet; or a Keras weights file (*.weights.h5) of the backbone.
        trainable: all, none, or `from LAYER`: that layer of the backbone and those behind it.
        dropout: dropout rate of the image's vector.
        sequence: hybrid only; all attends over every LSTM step, last keeps the last step alone (system 2).
        norm: hybrid only; a Transformer layer normalises before its parts, or after them (PyTorch's default).
        feedforward_dim: hybrid only; width inside a Transformer layer's feed-forward part.
        transformer_dropout: hybrid only; dropout rate inside the Transformer layers.
        hidden_dims: mlp only; width of each dense layer.
        dropouts: mlp only; dropout rate behind each dense layer.
        batch_norm: mlp only; normalise each dense layer's values over the batch.
    """

    name: Literal[
        "none",
        "mlp",
        "hybrid",
        "simple_cnn",
        "cnn2",
        "advanced_cnn",
        "resnet18",
        "resnet50",
        "vgg16",
        "inceptionv3",
        "efficientnetb0",
        "efficientnetb4",
        "mobilenetv2",
        "convnext_tiny",
    ] = "hybrid"
    weights: str = "none"
    trainable: str = "all"
    dropout: ClosedUnitInterval = 0.0
    sequence: Literal["all", "last"] = "all"
    norm: Literal["before", "after"] = "before"
    feedforward_dim: PositiveInt = 512
    transformer_dropout: ClosedUnitInterval = 0.1
    hidden_dims: list[PositiveInt] = field(default_factory=lambda: [128, 64])
    dropouts: list[ClosedUnitInterval] = field(default_factory=lambda: [0.4, 0.3])
    batch_norm: bool = True

    @property
    def input(self) -> Literal["none", "features", "image"]:
        """What the model takes of a row beside its caption."""
        if self.name in ("none", "mlp"):
            return "none" if self.name == "none" else "features"
        return "image"


@dataclass(frozen=True)
class CaptionsConfig:
    """The caption encoder.

    Attributes:
        encoder: none leaves the captions out; bigram and trigram count letters; bert is a KerasHub BERT.
        cross_words: bigram and trigram; count pairs and triples across the gap between two words as well.
        preset: bert only; KerasHub preset name, or a KerasHub or Hugging Face folder; null is from scratch.
        trainable: bert only; false keeps the encoder's weights as they came.
        pooling: bert only; how token vectors become one vector, mean, max, or that of the first token.
        sequence_length: bert only; longest caption in tokens, longer ones are cut.
        vocabulary_size: bert from scratch; most word pieces learnt from the training captions.
        layers: bert from scratch; number of Transformer layers.
        heads: bert from scratch; attention heads of a layer.
        hidden_dim: bert from scratch; width of a token's vector.
        feedforward_dim: bert from scratch; width inside a layer's feed-forward part.
        dropout: bert from scratch; dropout rate.
    """

    encoder: Literal["none", "bigram", "trigram", "bert"] = "bert"
    cross_words: bool = True
    preset: str | None = None
    trainable: bool = True
    pooling: Literal["mean", "max", "first"] = "max"
    sequence_length: PositiveInt = 32
    vocabulary_size: PositiveInt = 8000
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    hidden_dim: PositiveInt = 128
    feedforward_dim: PositiveInt = 512
    dropout: ClosedUnitInterval = 0.1


@dataclass(frozen=True)
class FusionConfig:
    """How the image vector and the caption vector become logits.

    Attributes:
        name: concat joins the vectors end to end; gated weighs them by a learnt gate; late gives each branch
            its own logits and mixes those by learnt weights for each label.
        hidden_dim: width of the dense layer before the logits; 0 leaves it out.
        dropout: dropout rate before the logits.
        modality_dropout: part of the training rows that are shown without their image or without their
            caption, half of them each; a row that has one of the two alone keeps it.
        image_run: late only; a finished run of the image branch alone, whose weights are taken and kept.
        caption_run: late only; the same of the caption branch.
    """

    name: Literal["concat", "gated", "late"] = "concat"
    hidden_dim: NonNegativeInt = 1024
    dropout: ClosedUnitInterval = 0.5
    modality_dropout: ClosedUnitInterval = 0.0
    image_run: str | None = None
    caption_run: str | None = None


@dataclass(frozen=True)
class LossConfig:
    """What training makes small.

    Attributes:
        name: focal (system 1, smoothed), soft_margin (system 2), bce, sigmoid_focal (Keras's), or asymmetric
            (Ridnik et al., ICCV 2021); for a hierarchy, and for nothing else, hierarchical (system 4):
            softmax cross-entropy at each level.
        alpha: focal only; scale of the loss; auto is system 1's mean over the classes of total/(K·frequency).
        gamma: focal and sigmoid_focal; how far easy labels count less.
        label_smoothing: focal and hierarchical; system 1's s, targets become targets·(1-s) + s/C.
        positive_weight: sigmoid_focal only; weight of a label that is there, 1 minus it of one that is not.
        gamma_positive: asymmetric only; gamma of the labels that are there.
        gamma_negative: asymmetric only; gamma of the labels that are not.
        margin: asymmetric only; probability up to which a label that is not there costs nothing.
        class_weights: none, balanced (rarer classes weigh more), or one number for each label; in a hierarchy
            superclasses stand before subclasses, and each level is balanced by itself.
    """

    name: Literal["focal", "soft_margin", "bce", "sigmoid_focal", "asymmetric", "hierarchical"] = "focal"
    alpha: PositiveFloat | Literal["auto"] = "auto"
    gamma: NonNegativeFloat = 2.5
    label_smoothing: ClosedUnitInterval = 0.1
    positive_weight: ClosedUnitInterval = 0.25
    gamma_positive: NonNegativeFloat = 0.0
    gamma_negative: NonNegativeFloat = 4.0
    margin: ClosedUnitInterval = 0.05
    class_weights: Literal["none", "balanced"] | list[PositiveFloat] = "none"

    @property
    def resolved_alpha(self) -> float:
        """The scale as a number, of settings that passed `kmlc.training.resolve`."""
        if self.alpha == "auto":
            raise ValueError("loss.alpha: expected a number, as kmlc.training.resolve sets it; got auto")
        return self.alpha


@dataclass(frozen=True)
class TrainConfig:
    """The fit.

    Attributes:
        epochs: most passes over the training rows.
        batch_size: rows of one step.
        learning_rate: Adam's step size at the start.
        weight_decay: AdamW's decoupled decay; 0 is plain Adam.
        accumulation: steps whose gradients are averaged before the weights change.
        ema: momentum of an average of the trained weights that validates and predicts in their place, with
            batch normalisation's moving statistics as they are; 0 has none.
        monitor: what picks the best epoch and stops early: the objective (higher is better), the validation
            loss (lower is better), or nothing: the last epoch counts.
        early_stopping: stop after this many epochs without a better one; 0 never stops early.
        plateau_patience: lower the learning rate after this many epochs without a lower loss; 0 never does.
        plateau_factor: what the learning rate is multiplied with then.
        evaluate_training: at the end also compute metrics on the training rows, to see the gap.
        precision: auto is mixed_float16 on a GPU and float32 on a CPU.
        xla: compile with XLA; auto is on for a GPU and off for a CPU, where it measured two times slower.
    """

    epochs: PositiveInt = 30
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 0.001
    weight_decay: NonNegativeFloat = 0.0
    accumulation: PositiveInt = 1
    ema: HalfOpenUnitInterval = 0.0
    monitor: Literal["objective", "loss", "nothing"] = "objective"
    early_stopping: NonNegativeInt = 6
    plateau_patience: NonNegativeInt = 2
    plateau_factor: OpenUnitInterval = 0.5
    evaluate_training: bool = False
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    xla: Literal["auto"] | bool = "auto"


@dataclass(frozen=True)
class ThresholdsConfig:
    """How probabilities become labels; fitted on the validation rows only.

    Attributes:
        method: fixed; grid (system 1); curve (system 3); joint (coordinate ascent on the objective).
        value: the threshold of fixed.
        grid: the thresholds that grid tries for each class.
        no_label: label of a row that got none; none leaves it empty, top1 takes the most probable one.
    """

    method: Literal["fixed", "grid", "curve", "joint"] = "joint"
    value: ClosedUnitInterval = 0.5
    grid: list[ClosedUnitInterval] = field(
        default_factory=lambda: [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70]
    )
    no_label: str = "top1"


@dataclass(frozen=True)
class HierarchyConfig:
    """A hierarchy of superclasses and subclasses (`table.superclass_column`), and rows of no known class.

    Attributes:
        decoding: independent decides each level by itself, masked the superclass first, joint both at once.
        novelty: how novel a row looks: max_probability, max_logit, energy, or entropy of its logits.
        superclass_known_share: part of the known validation rows whose superclass must not be called novel;
            counts only where no validation row is of a novel superclass.
        subclass_known_share: the same of the subclass.
        held_out_subclasses: subclasses to leave out of training, so that their rows stand for novel ones in
            validation: a list of labels, or a number of them, which the seed chooses.
        held_out_superclasses: list of superclasses to leave out of training with all their subclasses.
        novel: the name of the class of novel rows in the tables of names; its label is written for them.
    """

    decoding: Literal["independent", "masked", "joint"] = "joint"
    novelty: Literal["max_probability", "max_logit", "energy", "entropy"] = "entropy"
    superclass_known_share: ClosedUnitInterval = 0.99
    subclass_known_share: ClosedUnitInterval = 0.99
    held_out_subclasses: NonNegativeInt | list[int | str] = 0
    held_out_superclasses: list[int | str] = field(default_factory=list)
    novel: str = "novel"


@dataclass(frozen=True)
class Config:
    """Settings of a run.

    Attributes:
        model: name of the file in configs/ that the run starts from.
        data: folder with the tables and the images; null is the built-in sample.
        run: directory of the run; null makes runs/<date>-<model>. An unfinished one is continued.
        seed: the one source of randomness.
        objective: the F1 that picks the best epoch and the joint thresholds.
        table: files and columns.
        labels: what a label is.
        split: training, validation and test rows.
        images: reading and varying images.
        tower: the image model.
        captions: the caption encoder.
        fusion: joining the two.
        loss: what training makes small.
        train: the fit.
        thresholds: from probabilities to labels.
        hierarchy: two levels of labels, and novelty.
    """

    model: str = "hybrid"
    data: str | None = None
    run: str | None = None
    seed: Seed = 42
    objective: Literal["micro", "macro", "samples"] = "micro"
    table: TableConfig = field(default_factory=TableConfig)
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    images: ImagesConfig = field(default_factory=ImagesConfig)
    tower: TowerConfig = field(default_factory=TowerConfig)
    captions: CaptionsConfig = field(default_factory=CaptionsConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    thresholds: ThresholdsConfig = field(default_factory=ThresholdsConfig)
    hierarchy: HierarchyConfig = field(default_factory=HierarchyConfig)

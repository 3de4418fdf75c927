"""Every setting of kmlc, typed, with one line that explains it; the only place that holds defaults.

Settings come from these sources, later ones override earlier ones: the defaults here, `configs/<model>.yaml`,
`--config FILE`, flags such as `--train.batch_size 30`. `python train.py --model hybrid --print_config` prints
the result. Where a default here differs from a published system, that system's YAML file says so.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from kmlc.errors import UserError

IMAGE_SIZE = 224
"""The value of `images.size: auto`, in pixels."""
SAMPLE_IMAGE_SIZE = 64
"""The same on the built-in sample, where a model takes images as small as that."""

LabelKind = Literal["auto", "integer", "name"]

if TYPE_CHECKING:
    # To a type checker these are plain numbers; at run time jsonargparse also checks their range.
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
    from jsonargparse.typing import ClosedUnitInterval, OpenUnitInterval, restricted_number_type

    # Bounded and finite, because TensorFlow counts in 32 and 64 bits and no loss is finite at infinity.
    PositiveInt = restricted_number_type("Count", int, [(">", 0), ("<", 2**31)])
    NonNegativeInt = restricted_number_type("CountOrZero", int, [(">=", 0), ("<", 2**31)])
    PositiveFloat = restricted_number_type("PositiveFinite", float, [(">", 0), ("<", math.inf)])
    NonNegativeFloat = restricted_number_type("NonNegativeFinite", float, [(">=", 0), ("<", math.inf)])
    Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])
    HalfOpenUnitInterval = restricted_number_type("HalfOpenUnitInterval", float, [(">=", 0), ("<", 1)])
    AspectRatio = restricted_number_type("AspectRatio", float, [(">=", 1), ("<=", 100)])
    Angle = restricted_number_type("Angle", float, [(">=", 0), ("<=", 180)])


@dataclass(frozen=True)
class TableConfig:
    """Files and columns of the data folder.

    Attributes:
        train: table of the labelled rows; if it is missing, class folders in train/ are read.
        test: table of the rows to predict; if it is missing, images in test/ are read.
        test_labels: table with the labels of the test rows, if there is one; for metrics of these rows only.
        images: folder of the images, in the data folder.
        image_column: column with the image file names.
        label_column: column with the labels; in a hierarchy, with the subclass.
        superclass_column: column with the superclass, in a hierarchy of two levels; null without one.
        caption_column: column with the captions; if the table has no such column, every caption is empty.
        delimiter: character between two columns; auto is comma, semicolon or tab, by the header line.
        one_record_per_line: read each line as a row, also where a caption in quotes has line breaks.
    """

    train: str = "train.csv"
    test: str = "test.csv"
    test_labels: str = "test_labels.csv"
    images: str = "data"
    image_column: str = "ImageID"
    label_column: str = "Labels"
    superclass_column: str | None = None
    caption_column: str = "Caption"
    delimiter: str = "auto"
    one_record_per_line: bool = False


@dataclass(frozen=True)
class LabelsConfig:
    """Labels and their names.

    Attributes:
        delimiter: separates the labels of a row; with class folders always /.
        kind: integer or name; auto is integer if more than half of a table's labels are integers.
        vocabulary: the labels, in the order of the submission; null collects them from the training table.
        names: table in the data folder with a name for each label, if there is one.
        superclass_names: table with a name for each superclass of a hierarchy; `names` is for its subclasses.
        names_label_column: column with the label in these tables.
        names_name_column: column with the name in these tables.
        unknown: how to treat a label outside a given vocabulary, error or drop (ignore and count).
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
    """The split of the labelled rows into training, validation and test rows.

    Attributes:
        method: stratified keeps the share of every label (iterative stratification); random does not.
        validation: fraction of the labelled rows to validate on; picks the best epoch, fits the thresholds.
        test: fraction of the labelled rows to hold out from training and validation; 0 holds out none.
    """

    method: Literal["stratified", "random"] = "stratified"
    validation: OpenUnitInterval = 0.2
    test: HalfOpenUnitInterval = 0.0


@dataclass(frozen=True)
class ImagesConfig:
    """Reading images, and augmenting them in training.

    Attributes:
        size: height and width after resizing, in pixels; auto is that of tower.preset, else 224, or 64 on the
            built-in sample.
        max_pixels: images with more pixels than this are not read: excluded from training, a placeholder
            image in prediction.
        anywhere: also read images outside the image folder, to which absolute paths, `..` and links lead.
        horizontal_flip: mirror half of the training images left to right.
        vertical_flip: mirror half of the training images top to bottom.
        crop: random crop; smallest fraction of each side that it keeps; 1 is off.
        crop_area: random resized crop; smallest fraction of the area that it keeps; 1 is off.
        crop_ratio: crop_area only; largest aspect ratio of that crop, and its inverse the smallest.
        rotation: random rotation, up to this many degrees in either direction.
        translation: random shift, up to this fraction of the image size along each side.
        zoom: random zoom; 0.2 scales by 0.8 to 1.2.
        brightness: random brightness; 0.3 multiplies it by 0.7 to 1.3.
        contrast: random contrast, as brightness.
        saturation: random saturation, as brightness.
        erasing: random erasing; fraction of the training images in which a rectangle is filled with noise.
        erasing_area: erasing only; largest fraction of the area to erase; a tenth of it is the smallest.
    """

    size: PositiveInt | Literal["auto"] = "auto"
    max_pixels: PositiveInt = 50_000_000
    anywhere: bool = False
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
    def augments(self) -> bool:
        """Whether training images vary from epoch to epoch."""
        strengths = (
            *(self.horizontal_flip, self.vertical_flip, self.rotation, self.translation, self.zoom),
            *(self.brightness, self.contrast, self.saturation, self.erasing),
        )
        return any(strengths) or self.crop != 1 or self.crop_area != 1

    @property
    def resolved_size(self) -> int:
        """The size in pixels, of settings that passed `kmlc.training.auto_settings`."""
        if self.size == "auto":
            raise ValueError("images.size: expected a number (see kmlc.training.auto_settings); got auto")
        return self.size


@dataclass(frozen=True)
class TowerConfig:
    """The image model.

    Attributes:
        name: architecture; none uses no images, mlp takes feature vectors in their place; preset is that of
            `preset`; the command `train.py --models` lists the others.
        preset: image backbone that is loaded with its weights in the place of `name`: a KerasHub preset, an
            `hf://` name, or a KerasHub or Hugging Face folder.
        weights: none is random initialisation; imagenet; or a weights file (*.weights.h5) of the backbone.
        trainable: all, none, or `from LAYER`: that layer of the backbone and all after it.
        pooling: resnet50, vgg16, inceptionv3, efficientnetb0, efficientnetb4, mobilenetv2 only; how the last
            feature map becomes a vector: its mean, or avg_max, its mean and its maximum.
        dropout: dropout rate after the backbone.
        sequence: hybrid only; all attends over every LSTM step, last uses the last step alone (system 2).
        norm: hybrid only; layer normalisation before or after the sublayers of a Transformer layer.
        feedforward_dim: hybrid only; width of the feed-forward network in a Transformer layer.
        transformer_dropout: hybrid only; dropout rate in the Transformer layers.
        hidden_dims: mlp only; width of each dense layer.
        dropouts: mlp only; dropout rate after each dense layer.
        batch_norm: mlp only; batch normalisation in each dense layer.
    """

    name: Literal[
        "none",
        "mlp",
        "preset",
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
    preset: str | None = None
    weights: str = "none"
    trainable: str = "all"
    pooling: Literal["avg", "avg_max"] = "avg"
    dropout: ClosedUnitInterval = 0.0
    sequence: Literal["all", "last"] = "all"
    norm: Literal["before", "after"] = "before"
    feedforward_dim: PositiveInt = 512
    transformer_dropout: ClosedUnitInterval = 0.1
    hidden_dims: list[PositiveInt] = field(default_factory=lambda: [128, 64])
    dropouts: list[ClosedUnitInterval] = field(default_factory=lambda: [0.4, 0.3])
    batch_norm: bool = True

    @property
    def in_inference_mode(self) -> bool:
        """Whether the backbone stays in inference mode: a pretrained one, or one that is frozen."""
        return self.weights != "none" or self.preset is not None or self.trainable == "none"

    @property
    def title(self) -> str:
        """The architecture, or the preset that has it, for messages."""
        return self.preset or self.name

    @property
    def input(self) -> Literal["none", "features", "image"]:
        """What the tower reads from a row."""
        if self.name in ("none", "mlp"):
            return "none" if self.name == "none" else "features"
        return "image"


@dataclass(frozen=True)
class CaptionsConfig:
    """The caption encoder.

    Attributes:
        encoder: none uses no captions; bigram and trigram count letter n-grams; tfidf weights words and
            pairs of words; bert is a KerasHub BERT. It becomes none where no training caption has anything
            that it reads.
        cross_words: bigram and trigram only; also count n-grams that span the gap between two words.
        preset: bert only; KerasHub preset, or a KerasHub or Hugging Face folder; null is from scratch.
        trainable: bert only; false freezes the encoder.
        pooling: bert only; pools token vectors into one vector: mean, max, or the vector of the first token.
        sequence_length: bert only; maximum number of tokens; longer captions are truncated.
        vocabulary_size: bert from scratch and tfidf; maximum number of word pieces, or of the most frequent
            words and pairs of words, fitted to the training captions.
        layers: bert from scratch; number of Transformer layers.
        heads: bert from scratch; attention heads in a layer.
        hidden_dim: bert from scratch; width of a token vector.
        feedforward_dim: bert from scratch; width of the feed-forward network in a layer.
        dropout: bert from scratch; dropout rate.
    """

    encoder: Literal["none", "bigram", "trigram", "tfidf", "bert"] = "bert"
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
    """The fusion of image embedding and caption embedding into logits.

    Attributes:
        name: concat concatenates the embeddings, with zeros for a missing image or caption; join (systems 1
            and 2) concatenates them as they are, with those of a placeholder image or an empty caption;
            gated weights them by a trained gate; late mixes the logits of each branch by trained weights.
        hidden_dim: width of the dense layer before the logits; 0 omits it.
        dropout: dropout rate before the logits.
        l2: L2 penalty of the dense layers, added to the loss: this times the sum of their squared weights.
        normalize: batch normalisation of the embeddings, without trained scale and shift, as in linear probes
            of frozen towers (He et al., CVPR 2022); TF-IDF vectors are scaled to the length 40.
        modality_dropout: fraction of the training rows that have both an image and a caption whose image or,
            equally often, caption is dropped.
        image_run: late only; a finished run with the image branch alone; its weights are loaded and frozen.
        caption_run: late only; the same for the caption branch.
    """

    name: Literal["concat", "join", "gated", "late"] = "concat"
    hidden_dim: NonNegativeInt = 1024
    dropout: ClosedUnitInterval = 0.5
    l2: NonNegativeFloat = 0.0
    normalize: bool = False
    modality_dropout: ClosedUnitInterval = 0.0
    image_run: str | None = None
    caption_run: str | None = None

    @property
    def reads_presence(self) -> bool:
        """Whether the model's inputs include which rows have an image and which have a caption."""
        return self.name != "join"


@dataclass(frozen=True)
class LossConfig:
    """The loss.

    Attributes:
        name: focal (system 1), soft_margin (system 2), bce, sigmoid_focal (as in Keras), asymmetric (Ridnik
            et al., ICCV 2021); for a hierarchy hierarchical (system 4): softmax cross-entropy at each level.
        alpha: focal only; factor of the loss; auto is system 1's, the mean over the classes of
            total/(K·frequency).
        gamma: focal and sigmoid_focal; focusing parameter, 0 is cross-entropy.
        label_smoothing: focal and hierarchical; smoothing s, targets become targets·(1-s) + s/C.
        positive_weight: sigmoid_focal only; weight of positive labels; negative labels have
            1 - positive_weight.
        gamma_positive: asymmetric only; focusing parameter of positive labels.
        gamma_negative: asymmetric only; focusing parameter of negative labels.
        margin: asymmetric only; negative labels with a probability up to this have no loss.
        class_weights: none, balanced (larger for rarer classes), or a list with a number for each label; in a
            hierarchy superclasses come first, and each level is balanced by itself.
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
        """Alpha as a number, of settings that passed `kmlc.training.auto_settings`."""
        if self.alpha == "auto":
            raise ValueError("loss.alpha: expected a number (see kmlc.training.auto_settings); got auto")
        return self.alpha


@dataclass(frozen=True)
class TrainConfig:
    """The training.

    Attributes:
        epochs: maximum number of epochs; short: --epochs.
        batch_size: rows in a batch.
        learning_rate: learning rate before the schedule.
        schedule: plateau lowers the learning rate when the validation loss stops falling; cosine lowers it
            with every update, to 0 after all `epochs`, also where early stopping ends sooner.
        warmup: number of epochs, such as 0.5, in which the learning rate rises from 0, update by update.
        image_rate: factor of the learning rate for the image tower, such as 0.1 for a pretrained one.
        caption_rate: bert only; the same for the caption encoder.
        layer_decay: further factor of it at the top level of either (a Transformer layer; about a twelfth of
            a convolutional network; all layers of a ViT, DeiT or DINO preset together), squared at the level
            below, and so on; 1 is off.
        weight_decay: decoupled weight decay of AdamW, multiplied by each weight's learning rate; 0 is plain
            Adam.
        accumulation: gradient accumulation; number of steps whose gradients are averaged for one update.
        ema: momentum of the exponential moving average (EMA) of the weights, which validates and predicts in
            their place; 0 is off. Statistics of batch normalisation are not averaged.
        monitor: metric for the best epoch and early stopping: objective (highest), loss (lowest validation
            loss), or none, which selects the last epoch.
        early_stopping: patience; stop after this many epochs without a better metric; 0 is off.
        plateau_patience: plateau only; reduce the learning rate after this many epochs without a lower loss;
            0 is off.
        plateau_factor: plateau only; factor that multiplies the learning rate on a plateau.
        evaluate_training: also compute the final metrics of the training rows, to show overfitting.
        precision: dtype policy; auto is mixed_float16 on a GPU, mixed_bfloat16 on a CPU with avx512_bf16 or
            amx_bf16, else float32; a run predicts in the precision of its training or in float32.
        xla: compile with XLA; auto is on with a GPU and off on a CPU, where it was two times slower.
    """

    epochs: PositiveInt = 30
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 0.001
    schedule: Literal["plateau", "cosine"] = "plateau"
    warmup: NonNegativeFloat = 0.0
    image_rate: PositiveFloat = 1.0
    caption_rate: PositiveFloat = 1.0
    layer_decay: OpenUnitInterval | Literal[1] = 1
    weight_decay: NonNegativeFloat = 0.0
    accumulation: PositiveInt = 1
    ema: HalfOpenUnitInterval = 0.0
    monitor: Literal["objective", "loss", "none"] = "objective"
    early_stopping: NonNegativeInt = 6
    plateau_patience: NonNegativeInt = 2
    plateau_factor: OpenUnitInterval = 0.5
    evaluate_training: bool = False
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    xla: Literal["auto"] | bool = "auto"

    def __post_init__(self) -> None:
        """Refuse a warm-up that does not end."""
        if self.warmup and self.warmup >= self.epochs:
            raise UserError(
                f"train.warmup: expected fewer epochs than train.epochs, {self.epochs}; got {self.warmup:g}"
            )


@dataclass(frozen=True)
class ThresholdsConfig:
    """The thresholds that turn probabilities into labels, fitted on the validation rows only.

    Attributes:
        method: fixed; grid (system 1); curve (system 3); joint (coordinate ascent on the objective).
        value: fixed only; the threshold of every label.
        grid: grid only; the thresholds to try for each label.
        no_label: label for rows without any: none leaves them empty, top1 takes the most probable label.
    """

    method: Literal["fixed", "grid", "curve", "joint"] = "joint"
    value: ClosedUnitInterval = 0.5
    grid: list[ClosedUnitInterval] = field(
        default_factory=lambda: [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70]
    )
    no_label: str = "top1"

    def __post_init__(self) -> None:
        """Refuse a grid that has nothing to choose from."""
        if not self.grid:
            raise UserError("thresholds.grid: expected one number or more; got an empty list")


@dataclass(frozen=True)
class HierarchyConfig:
    """A hierarchy of superclasses and subclasses (`table.superclass_column`), and novel rows.

    Attributes:
        decoding: independent predicts each level by itself; masked the superclass first, then one of its
            subclasses; joint the most probable pair.
        novelty: score of novelty, from the logits: max_probability, max_logit, energy, or entropy.
        superclass_known_share: fraction of the known validation rows whose superclass must not be predicted
            novel; used only if no validation row has a novel superclass.
        subclass_known_share: the same for the subclass.
        held_out_subclasses: subclasses to exclude from training, whose rows are the novel ones of validation:
            a list of labels, or how many to draw with the seed.
        held_out_superclasses: list of superclasses to exclude from training with all their subclasses.
        novel: name of the novel class in the tables of names; its label is predicted for novel rows.
    """

    decoding: Literal["independent", "masked", "joint"] = "joint"
    novelty: Literal["max_probability", "max_logit", "energy", "entropy"] = "entropy"
    superclass_known_share: ClosedUnitInterval = 0.99
    subclass_known_share: ClosedUnitInterval = 0.99
    held_out_subclasses: NonNegativeInt | list[int | str] = 0
    held_out_superclasses: list[int | str] = field(default_factory=list)
    novel: str = "novel"


@dataclass(frozen=True)
class CacheConfig:
    """What is kept between commands, and may be deleted at any time.

    Attributes:
        folder: folder of the manifest of images and of what frozen layers computed; null is kmlc/ in
            $XDG_CACHE_HOME or ~/.cache.
        gigabytes: maximum size of what frozen layers computed; 0 keeps none of it.
        views: number of views of each training image that frozen layers compute: the image itself, others
            augmented. Each epoch draws one of them for each row. null draws a new view in every epoch, which
            can only be computed once where no augmentation is on.
    """

    folder: str | None = None
    gigabytes: NonNegativeFloat = 10.0
    views: PositiveInt | None = None


@dataclass(frozen=True)
class Config:
    """Settings of a run.

    Attributes:
        model: name of a file in configs/, whose settings override the defaults.
        data: folder with the tables and the images; null is the built-in sample.
        run: directory of the run; null makes runs/<date>-<model>; an unfinished run there is continued.
        seed: random seed.
        objective: the F1 average that picks the best epoch and the joint thresholds.
        table: files and columns.
        labels: labels and their names.
        split: training, validation and test rows.
        images: reading and augmenting images.
        tower: the image model.
        captions: the caption encoder.
        fusion: image and caption embedding to logits.
        loss: the loss.
        train: the training.
        thresholds: from probabilities to labels.
        hierarchy: two levels of labels, and novel rows.
        cache: what is kept between commands.
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
    cache: CacheConfig = field(default_factory=CacheConfig)

    @property
    def cached_views(self) -> int:
        """How many views of each training image frozen layers compute; without augmentation all are one."""
        return (self.cache.views or 1) if self.images.augments else 1

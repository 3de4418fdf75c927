"""Tiny image backbones of KerasHub, one of each family, and folders of presets that hold them."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras_hub import layers, models
from safetensors.numpy import save_file

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, as torchvision and timm publish them."""


def _mobilenet() -> keras.Model:
    return models.MobileNetBackbone(
        stackwise_expansion=[[8], [16]],
        stackwise_num_blocks=[1, 1],
        stackwise_num_filters=[[8], [16]],
        stackwise_kernel_size=[[3], [5]],
        stackwise_num_strides=[[2], [2]],
        stackwise_se_ratio=[[None], [0.25]],
        stackwise_activation=[["relu"], ["hard_swish"]],
        stackwise_padding=[[1], [2]],
        output_num_filters=24,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=24,
        squeeze_and_excite=0.5,
        input_num_filters=8,
    )


def _efficientnet() -> keras.Model:
    return models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 2,
        stackwise_depth_coefficients=[1.0] * 2,
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 1],
        stackwise_input_filters=[8, 8],
        stackwise_output_filters=[8, 16],
        stackwise_expansion_ratios=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_strides=[1, 2],
        stackwise_block_types=["v1", "unfused"],
    )


def _clip() -> keras.Model:
    vision = models.CLIPVisionEncoder(16, 8, 2, 2, 16, image_shape=(32, 32, 3))
    text = models.CLIPTextEncoder(30, 8, 8, 1, 2, 16, max_sequence_length=7)
    return models.CLIPBackbone(vision, text, projection_dim=4)


def _siglip() -> keras.Model:
    vision = models.SigLIPVisionEncoder(16, 8, 2, 2, 16, image_shape=(32, 32, 3))
    text = models.SigLIPTextEncoder(30, 8, 8, 1, 2, 16, max_sequence_length=7)
    return models.SigLIPBackbone(vision, text)


BACKBONES: dict[str, Callable[[], keras.Model]] = {
    "ResNetBackbone": lambda: models.ResNetBackbone([64], [7], [64, 16], [1, 1], [1, 2], "basic_block"),
    "EfficientNetBackbone": _efficientnet,
    "MobileNetBackbone": _mobilenet,
    "ViTBackbone": lambda: models.ViTBackbone((32, 32, 3), 16, 2, 2, 8, 16, dropout_rate=0.1),
    "DeiTBackbone": lambda: models.DeiTBackbone((32, 32, 3), 16, 2, 2, 8, 16),
    "SwinTransformerBackbone": lambda: models.SwinTransformerBackbone((32, 32, 3), 8, (1, 2), (1, 2), 4),
    "DINOV2Backbone": lambda: models.DINOV2Backbone(
        8, 2, 8, 2, 16, num_register_tokens=2, image_shape=(32, 32, 3), position_embedding_shape=(32, 32, 3)
    ),
    "DINOV3Backbone": lambda: models.DINOV3Backbone(8, 2, 8, 2, 16, image_shape=(32, 32, 3)),
    "CLIPVisionEncoder": _clip,
    "SigLIPVisionEncoder": _siglip,
}
"""By the class of the image backbone, in the table of families: functions that build what a preset holds."""


def randomise(model: keras.Model, seed: int = 1) -> None:
    """Give every weight that is no count a random value, those initialised to zeros or ones too."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "int" not in variable.dtype:
            variable.assign(rng.uniform(0.1, 0.5, variable.shape))


def keras_hub_folder(folder: Path, name: str, size: int = 32) -> keras.Model:
    """Write a preset of a tiny backbone with random weights into a folder; return what it holds."""
    model = BACKBONES[name]()
    randomise(model)
    model.save_to_preset(str(folder))
    scale = [1 / 255 / deviation for deviation in DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    layers.ImageConverter(image_size=(size, size), scale=scale, offset=offset).save_to_preset(str(folder))
    return model


def _write(
    folder: Path, config: dict[str, object], tensors: dict[str, tuple[int, ...]], low: float = -0.3
) -> None:
    rng = np.random.default_rng(2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    arrays = {name: rng.uniform(low, 0.3, shape).astype(np.float32) for name, shape in tensors.items()}
    save_file(arrays, folder / "model.safetensors")


def _encoder(prefix: str, names: dict[str, str], width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the arrays of a Transformer layer of Hugging Face's ViT or DINOv2."""
    attention = [f"attention.attention.{each}" for each in ("query", "key", "value")]
    shapes: dict[str, tuple[int, ...]] = {f"{names['first']}": (width,), f"{names['second']}": (width,)}
    dense = dict.fromkeys([*attention, "attention.output.dense"], (width, width))
    dense |= {names["in"]: (hidden, width), names["out"]: (width, hidden)}
    found = {f"{prefix}.{name}.weight": shape for name, shape in (shapes | dense).items()}
    return found | {f"{prefix}.{name}.bias": shape[:1] for name, shape in (shapes | dense).items()}


def hugging_face_vit(folder: Path) -> None:
    """Write a ViT of one layer as Hugging Face's `ViTModel` does, with the normalisation of Google's ViTs."""
    config = {
        "model_type": "vit",
        "architectures": ["ViTModel"],
        "image_size": 32,
        "patch_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": 8,
        "intermediate_size": 16,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "qkv_bias": True,
    }
    layer = {
        "first": "layernorm_before",
        "second": "layernorm_after",
        "in": "intermediate.dense",
        "out": "output.dense",
    }
    tensors = {
        "vit.embeddings.cls_token": (1, 1, 8),
        "vit.embeddings.position_embeddings": (1, 5, 8),
        "vit.embeddings.patch_embeddings.projection.weight": (8, 3, 16, 16),
        "vit.embeddings.patch_embeddings.projection.bias": (8,),
        "vit.layernorm.weight": (8,),
        "vit.layernorm.bias": (8,),
    }
    _write(folder, config, tensors | _encoder("vit.encoder.layer.0", layer, 8, 16))
    half = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(half))


def hugging_face_dinov2(folder: Path) -> None:
    """Write a DINOv2 of one layer as Hugging Face's `Dinov2Model` does, for images of half its size."""
    config = {
        "model_type": "dinov2",
        "image_size": 32,
        "patch_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": 8,
        "mlp_ratio": 2,
        "layerscale_value": 1.0,
        "use_swiglu_ffn": False,
        "hidden_dropout_prob": 0.0,
        "drop_path_rate": 0.0,
    }
    layer = {"first": "norm1", "second": "norm2", "in": "mlp.fc1", "out": "mlp.fc2"}
    tensors = {
        "embeddings.cls_token": (1, 1, 8),
        "embeddings.mask_token": (1, 8),
        "embeddings.position_embeddings": (1, 17, 8),
        "embeddings.patch_embeddings.projection.weight": (8, 3, 8, 8),
        "embeddings.patch_embeddings.projection.bias": (8,),
        "layernorm.weight": (8,),
        "layernorm.bias": (8,),
        "encoder.layer.0.layer_scale1.lambda1": (8,),
        "encoder.layer.0.layer_scale2.lambda1": (8,),
    }
    _write(folder, config, tensors | _encoder("encoder.layer.0", layer, 8, 16))
    settings = {
        "image_mean": MEAN,
        "image_std": DEVIATION,
        "rescale_factor": 1 / 255,
        "do_center_crop": True,
        "crop_size": {"height": 16, "width": 16},
        "size": {"shortest_edge": 20},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def timm_resnet18(folder: Path) -> None:
    """Write a ResNet-18 as timm does on Hugging Face."""
    tensors: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)}
    norms = {"bn1": 64}
    width = 64
    for number, filters in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            name = f"layer{number}.{block}"
            tensors[f"{name}.conv1.weight"] = (filters, width, 3, 3)
            tensors[f"{name}.conv2.weight"] = (filters, filters, 3, 3)
            norms |= {f"{name}.bn1": filters, f"{name}.bn2": filters}
            if width != filters:
                tensors[f"{name}.downsample.0.weight"] = (filters, width, 1, 1)
                norms[f"{name}.downsample.1"] = filters
            width = filters
    parts = ("weight", "bias", "running_mean", "running_var")
    tensors |= {f"{name}.{part}": (filters,) for name, filters in norms.items() for part in parts}
    settings = {"input_size": [3, 224, 224], "mean": MEAN, "std": DEVIATION, "interpolation": "bicubic"}
    _write(folder, {"architecture": "resnet18", "pretrained_cfg": settings}, tensors, low=0.0)

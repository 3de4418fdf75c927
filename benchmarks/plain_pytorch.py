"""System 2 as a plain PyTorch script would have it: PIL, a DataLoader, an eager training loop.

The baseline of `benchmarks.step`; kmlc itself does not need PyTorch.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

LETTERS = 26


class Rows(Dataset):
    """Rows of images and captions; with `augment` the images are cropped and flipped at random."""

    def __init__(
        self, images: Sequence[str], captions: Sequence[str], labels: np.ndarray, size: int, augment: bool
    ) -> None:
        self.images, self.captions = images, captions
        self.labels = torch.tensor(labels, dtype=torch.float32)
        self.size, self.augment = size, augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return pixels (3, size, size) from -1 to 1, letter triples (26³), labels."""
        image = Image.open(self.images[row]).convert("RGB")
        if self.augment:
            width, height = (int(0.8 * side) for side in image.size)
            left = int(torch.randint(image.width - width + 1, ()))
            top = int(torch.randint(image.height - height + 1, ()))
            image = image.crop((left, top, left + width, top + height))
        image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
        if self.augment:
            pixels = pixels.flip([axis for axis in (1, 2) if torch.rand(()) < 0.5])
        return pixels, self._triples(row), self.labels[row]

    def _triples(self, row: int) -> torch.Tensor:
        codes = [ord(letter) - ord("a") for letter in self.captions[row].lower() if "a" <= letter <= "z"]
        places = [
            a * LETTERS**2 + b * LETTERS + c for a, b, c in zip(codes, codes[1:], codes[2:], strict=False)
        ]
        return torch.bincount(torch.tensor(places, dtype=torch.int64), minlength=LETTERS**3).float()


class System2(nn.Module):
    """System 2's network: convolutions, LSTM, Transformer over its last step, letter triples."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in ((3, 128), (128, 64), (64, 64)):
            blocks += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.convolutions = nn.Sequential(*blocks)
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        layer = nn.TransformerEncoderLayer(128, 4, dim_feedforward=2048, dropout=0.1, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, 2)
        self.head = nn.Sequential(
            nn.Linear(128 + LETTERS**3, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, classes)
        )

    def forward(self, pixels: torch.Tensor, triples: torch.Tensor) -> torch.Tensor:
        """Return the logits, (batch, classes)."""
        sequence, _ = self.lstm(self.convolutions(pixels).flatten(2).transpose(1, 2))
        embedding = self.transformer(sequence[:, -1:]).squeeze(1)
        return self.head(torch.cat([embedding, triples], dim=1))


def epoch_seconds(training: Rows, validation: Rows, batch_size: int, workers: int, bfloat16: bool) -> float:
    """Return the seconds of one epoch: a pass over the training rows, then one over the validation rows."""
    torch.manual_seed(0)
    model = System2(training.labels.shape[1])
    optimizer, loss = torch.optim.Adam(model.parameters(), 0.001), nn.MultiLabelSoftMarginLoss()
    start = time.perf_counter()
    for pixels, triples, labels in DataLoader(training, batch_size, shuffle=True, num_workers=workers):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(pixels, triples)
        optimizer.zero_grad()
        loss(logits.float(), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        for pixels, triples, _ in DataLoader(validation, batch_size, num_workers=workers):
            model(pixels, triples)
    return time.perf_counter() - start

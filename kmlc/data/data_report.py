"""What was found in a table and what was done about it, counted and listed; a summary fits one screen."""

from dataclasses import dataclass, field
from typing import Any

from kmlc.markdown import counted
from kmlc.printable import one_line


@dataclass
class Finding:
    """One kind of thing that was found in a table.

    Attributes:
        what: what was found.
        action: what was done about it.
        rows: where, a string for each row.
    """

    what: str
    action: str
    rows: list[str]


@dataclass
class TableReport:
    """What was found in one table.

    Attributes:
        file: the table's path.
        rows: how many rows it has.
        used: how many of them are used.
        findings: the findings, each kind once.
        label_counts: how many of the used rows have each label; empty for a table without labels.
    """

    file: str
    rows: int
    used: int = 0
    findings: list[Finding] = field(default_factory=list)
    label_counts: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, action: str, rows: list[str]) -> None:
        """Add a finding, if it has rows."""
        if rows:
            self.findings.append(Finding(what, action, rows))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON, with the count of each finding."""
        findings = [
            {"what": each.what, "action": each.action, "count": len(each.rows), "rows": each.rows}
            for each in self.findings
        ]
        return {
            "file": self.file,
            "rows": self.rows,
            "used": self.used,
            "findings": findings,
            "label_counts": self.label_counts,
        }

    def summary(self) -> str:
        """Return the report in a few lines."""
        lines = [f"{self.file}: {counted(self.rows, 'row')}, {self.used:,} used"]
        for each in self.findings:
            example = each.rows[0] if len(each.rows[0]) <= 60 else each.rows[0][:57] + "..."
            lines.append(f"  {each.what}: {len(each.rows):,}, {each.action} (first: {example})")
        if self.label_counts:
            counts = sorted(self.label_counts.items(), key=lambda pair: -pair[1])
            shown = counts if len(counts) <= 8 else [*counts[:5], ("…", -1), *counts[-2:]]
            lines.append(
                f"  {counted(len(counts), 'label')}: "
                + ", ".join(name if count < 0 else f"{name} {count:,}" for name, count in shown)
            )
        return "\n".join(map(one_line, lines))

"""How far a plan is: counted from the plan and its journals, as values, as one object, and as a page."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmstool.workflows.rotation.journal import Journal, State
from kmstool.workflows.rotation.plan import Plan

_RECENT_SECONDS = 60
_MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Status:
    """The items of a plan: `done`, `left` and `failed` add up to all; `faults` say of files what went wrong.

    `per_second` is the rate of the last minute of work, 0 where nothing was done; `seconds_left` is None then.
    """

    plan: Plan
    done: int
    left: int
    failed: int
    rolled_back: int
    faults: Mapping[str, str]
    left_files: tuple[str, ...]
    per_second: float

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest takes at this rate."""
        return self.left / self.per_second if self.per_second else None

    def answer(self) -> dict[str, Any]:
        """Return it as one object for scripts."""
        return {
            "Plan": self.plan.plan_id,
            "From": self.plan.from_key,
            "To": self.plan.to_key,
            "Items": self.plan.items,
            "Files": len(self.plan.files),
            "Done": self.done,
            "Left": self.left,
            "Failed": self.failed,
            "RolledBack": self.rolled_back,
            "LeftOut": len(self.plan.left_out),
            "PerSecond": round(self.per_second, 1),
            "SecondsLeft": None if self.seconds_left is None else round(self.seconds_left),
            "Faults": dict(self.faults),
        }


def read_status(plan: Plan, journals: Iterable[Path]) -> Status:
    """Count what the journals say; raise as `Journal` does for a damaged one or that of another plan."""
    states: dict[str, tuple[State, str]] = {}
    moments: list[tuple[float, int]] = []
    for path in journals:
        journal = Journal(path, plan.plan_id, write=False)
        try:
            for entry in journal.entries():
                if entry.path not in states or entry.state is State.DONE:
                    states[entry.path] = (entry.state, entry.fault)
                if entry.state is State.DONE:
                    moments.append((entry.unix, entry.items))
        finally:
            journal.close()
    counts = dict.fromkeys(State, 0)
    left: list[str] = []
    for file in plan.files:
        state, _ = states.get(file.path, (None, ""))
        if state is not None:
            counts[state] += len(file.items)
        if state is not State.DONE:
            left.append(file.path)
    return Status(
        plan=plan,
        done=counts[State.DONE],
        left=plan.items - counts[State.DONE] - counts[State.FAILED],
        failed=counts[State.FAILED],
        rolled_back=counts[State.ROLLED_BACK],
        faults={path: fault for path, (state, fault) in states.items() if state is State.FAILED},
        left_files=tuple(left),
        per_second=_rate(moments),
    )


def page(status: Status) -> str:
    """Return one HTML page that needs nothing from elsewhere: bars, and tables of what is left and what failed."""
    total = max(1, status.plan.items)
    bars = "".join(
        f'<tr><th>{name}</th><td><div class="bar {name.replace(" ", "-")}" style="width:{100 * count / total:.1f}%">'
        f"</div></td><td class=n>{count:,}</td></tr>"
        for name, count in (("done", status.done), ("left", status.left), ("failed", status.failed))
    )
    keys = "".join(
        f"<tr><td><code>{html.escape(key)}</code></td><td>{html.escape(kind)}</td><td class=n>{count:,}</td></tr>"
        for (key, kind), count in sorted(status.plan.counts().items())
    )
    faults = "".join(
        f"<tr><td><code>{html.escape(path)}</code></td><td>{html.escape(fault)}</td></tr>"
        for path, fault in list(status.faults.items())[:_MOST_ROWS]
    )
    left = "".join(f"<tr><td><code>{html.escape(path)}</code></td></tr>" for path in status.left_files[:_MOST_ROWS])
    out = "".join(
        f"<tr><td><code>{html.escape(one.path)}</code></td><td>{html.escape(one.reason)}</td></tr>"
        for one in status.plan.left_out[:_MOST_ROWS]
    )
    remaining = "" if status.seconds_left is None else f", about {status.seconds_left:,.0f} s left"
    return _PAGE.format(
        source=html.escape(status.plan.from_key),
        target=html.escape(status.plan.to_key),
        percent=f"{100 * status.done / total:.1f}",
        rate=f"{status.per_second:,.1f} items a second{remaining}",
        when=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        bars=bars,
        keys=keys,
        sections=_section("Failed", faults) + _section("Left", left) + _section("Not touched", out),
    )


def _section(title: str, rows: str) -> str:
    return f"<h2>{title}</h2><table>{rows}</table>" if rows else ""


def _rate(moments: list[tuple[float, int]]) -> float:
    if not moments:
        return 0.0
    last = max(moment for moment, _ in moments)
    recent = [(moment, items) for moment, items in moments if moment > last - _RECENT_SECONDS]
    begun = min(moment for moment, _ in recent)
    return sum(items for _, items in recent) / max(1.0, last - begun)


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Rotation: {percent} %</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; width: 100%; margin-bottom: 1.5rem; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }}
.n {{ text-align: right; width: 6rem; font-variant-numeric: tabular-nums; }}
.bar {{ height: 1.2rem; min-width: 1px; border-radius: 3px; }}
.done {{ background: #2e7d32; }} .left {{ background: #90a4ae; }} .failed {{ background: #c62828; }}
code {{ font-size: .9em; word-break: break-all; }}
</style></head><body>
<h1>{percent} % moved</h1>
<p>From <code>{source}</code> to <code>{target}</code>; {rate}; as of {when}.</p>
<table>{bars}</table>
<h2>Planned</h2><table><tr><th>Key</th><th>Kind</th><th class=n>Items</th></tr>{keys}</table>
{sections}
</body></html>
"""

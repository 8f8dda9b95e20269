"""What a comparison says, in words."""

from __future__ import annotations

from monitoring.drift.compare import EFFECT, FeatureDrift, Verdict


def sentence(drift: FeatureDrift) -> str:
    """The verdict, with the figures that it rests on."""
    rows, against = drift.rows
    chance = f"{drift.psi_by_chance:.3f} by chance"
    news = f"{drift.new_value_rate:.0%} of the values are new".replace("%", " %")
    usual = f"{drift.new_values_by_chance:.0%}".replace("%", " %")
    if not rows or not against:
        return "Nothing to compare: one of the periods has no rows of it."
    by_news = drift.new_value_rate - drift.new_values_by_chance
    if by_news > max(drift.psi - drift.psi_by_chance, 0.0):
        end = "." if drift.verdict == Verdict.DRIFTED else ", which is little."
        return f"{news}; up to {usual} would be usual{end}"
    match drift.verdict:
        case Verdict.DRIFTED:
            return f"Drifted: PSI {drift.psi:.3f}, above {EFFECT} and above {chance}."
        case Verdict.SLIGHT:
            return f"A slight shift: PSI {drift.psi:.3f} is more than {chance}, below {EFFECT}."
        case Verdict.STABLE:
            return f"No drift: PSI {drift.psi:.3f} is no more than {chance}."
    return (
        f"Too few rows to tell ({rows:,} against {against:,}): PSI {drift.psi:.3f} is no more than "
        f"{chance}."
    )

"""Which samples of a named source: the arguments of commands that read one."""

from typing import Any

from django.core.management.base import CommandParser

from updates.samples.sources.open_bandit import BEHAVIOUR_POLICIES, CAMPAIGNS, OpenBandit


def add_source_arguments(parser: CommandParser) -> None:
    """The options of Open Bandit, each left out unless given."""
    group = parser.add_argument_group("open-bandit")
    group.add_argument("--campaign", choices=CAMPAIGNS, help="default: all")
    group.add_argument(
        "--behaviour-policy",
        choices=BEHAVIOUR_POLICIES,
        help="which policy chose what was shown; default: random",
    )
    group.add_argument(
        "--importance-weights",
        action="store_true",
        default=None,
        help="weigh samples by the inverse propensity, as if all items were shown equally often",
    )


def source_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those that were given, as ``open_source`` takes them."""
    return {name: options[name] for name in OpenBandit.options if options.get(name) is not None}

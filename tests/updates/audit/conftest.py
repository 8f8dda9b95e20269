from tests.updates.flows.conftest import *  # noqa: F403 - a recommender with a live version

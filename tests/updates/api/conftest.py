"""People with tokens, whose every answer is held against the OpenAPI description."""

from functools import cache

import pytest
from django.contrib.auth.models import User
from knox.models import AuthToken
from openapi_core import Config, OpenAPI
from openapi_core.contrib.django import DjangoOpenAPIResponse
from openapi_core.deserializing.media_types.util import json_loads, plain_loads
from openapi_core.testing import MockRequest
from rest_framework.test import APIClient

import updates.api.urls  # noqa: F401 - reads its limits before any test changes one
from tests.device import Device
from tests.updates.flows.conftest import *  # noqa: F403 - a recommender with a live version
from tests.updates.trainer import CLAIM, Trainer
from updates.flows import client_token
from updates.models import Deployment, ModelVersion, UpdatePolicy, UpdateRun
from updates.models.version import VersionState
from updates.store import artifacts

V1 = "/api/v1/"


@cache
def description():
    """The OpenAPI description of the API, as a dictionary."""
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def _openapi():
    more = {"application/problem+json": json_loads, "text/csv": plain_loads}
    return OpenAPI.from_dict(description(), Config(extra_media_type_deserializers=more))


class Caller(APIClient):
    """A client of the API below /api/v1/ whose answers must be as described."""

    def __init__(self, user: User | None = None) -> None:
        super().__init__(raise_request_exception=False)
        self.user = user
        if user:
            _, token = AuthToken.objects.create(user=user)
            self.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def generic(self, method, path, *args, **kwargs):
        path = path.removeprefix("http://testserver")
        path = path if path.startswith("/") else V1 + path
        response = super().generic(method, path, *args, **kwargs)
        if path.startswith(V1) and not path.partition("?")[0].endswith("/"):
            self.check(response)
        return response

    def generic_json(self, method, path, body):
        return getattr(self, method.lower())(path, body, format="json")

    def check(self, response):
        """The answer is as described; problems have their media type and say which status."""
        if response.status_code >= 400:
            assert response["Content-Type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
        if response.status_code not in (404, 405):
            asked = response.wsgi_request
            request = MockRequest("http://testserver", asked.method.lower(), asked.path)
            _openapi().validate_response(request, DjangoOpenAPIResponse(response))


@pytest.fixture
def films(transactional_db, make_recommender, append, update, make_policy):
    """A recommender of ``factors`` with a live version and a policy for devices."""
    options = {"dim": 4, "item_rate": 0.05}
    recommender = make_recommender("films", "factors", learner_options=options)
    append(recommender, 2_000)
    run = update(recommender)
    assert run.state == "promoted", run.error
    make_policy(recommender, "devices", strategy="client", interval_seconds=None)
    return recommender


@pytest.fixture
def with_token(films):
    """``with_token(user)``: a caller with a token of the devices of a user of ``films``."""

    def make(user: str, ttl_seconds: int = 3600):
        token, _ = client_token.mint(films, user, ttl_seconds)
        caller = Caller()
        caller.credentials(HTTP_AUTHORIZATION=f"Client {token}")
        return caller

    return make


@pytest.fixture
def device(with_token):
    """``device(user, name)``: a device of a user of ``films``."""

    def make(user: str, name: str = "phone") -> Device:
        caller = with_token(user)

        def call(method, path, body):
            answer = caller.generic_json(method, f"recommenders/films/{path}", body)
            return answer.status_code, answer.json()

        return Device(call, user, name)

    return make


@pytest.fixture
def callers(viewer, operator, admin_user, outsider):
    """A caller a role, ``outsider`` without one and ``nobody`` without a token."""
    people = {"viewer": viewer, "operator": operator, "admin": admin_user, "outsider": outsider}
    return {name: Caller(user) for name, user in people.items()} | {"nobody": Caller()}


@pytest.fixture
def as_viewer(viewer):
    return Caller(viewer)


@pytest.fixture
def as_operator(operator):
    return Caller(operator)


@pytest.fixture
def as_admin(admin_user):
    return Caller(admin_user)


@pytest.fixture
def news(make_recommender):
    """A recommender without samples or versions."""
    return make_recommender("news")


@pytest.fixture
def make_policy():
    """``make_policy(recommender, name="hourly", **fields)``."""

    def make(recommender, name="hourly", **fields):
        fields = {"strategy": "incremental", "interval_seconds": 3600} | fields
        return UpdatePolicy.objects.create(recommender=recommender, name=name, **fields)

    return make


@pytest.fixture
def make_run():
    """``make_run(recommender, **fields)``: queued, of all components."""

    def make(recommender, **fields):
        fields = {"strategy": "full", "components": ["weights"]} | fields
        return UpdateRun.objects.create(recommender=recommender, **fields)

    return make


@pytest.fixture
def make_version(_own_data):
    """``make_version(recommender, **fields)``: a candidate with files, as a run leaves it."""

    def make(recommender, **fields):
        number = recommender.versions.count() + 1
        about = {"schema": recommender.schema, "made_for": f"{recommender.slug} {number}"}
        artifact = artifacts().publish(recommender.new_learner().save, about)
        fields = {
            "learner": recommender.learner,
            "digest": artifact.digest,
            "artifact_bytes": artifact.bytes,
            "learned_ranges": [{"first_offset": 1, "last_offset": 10 * number}],
            "next_offset": 10 * number + 1,
            "sparsity": {
                "seen": 9,
                "admitted": 9,
                "non_zero": 4,
                "deployed_bytes": 64,
                "tiny_share": 0.0,
            },
        } | fields
        return ModelVersion.publish(recommender, **fields)

    return make


@pytest.fixture
def deployed(news, make_version, operator):
    """Versions of ``news``, moved by hand: 1 was live, 2 is live, 3 is a candidate."""
    from updates.flows.promote import promote

    versions = [make_version(news) for _ in range(3)]
    for version in versions[:2]:
        promote(version, reason=f"try {version.number}", by=operator)
    news.refresh_from_db()
    assert Deployment.objects.get(ended_at=None).version.state == VersionState.LIVE
    return versions


@pytest.fixture
def ours(db, make_recommender, append):
    """An external recommender with 1,000 samples, whose trainer pulls."""
    recommender = make_recommender("ours", "external", learner_options={"lease_seconds": 30})
    append(recommender, 1000)
    return recommender


@pytest.fixture
def claim(ours, as_operator):
    """``claim(**asked)``: a trainer with the run that it got."""

    def ask(**asked):
        answer = as_operator.post(CLAIM, {"worker": "gpu-1"} | asked)
        assert answer.status_code == 200, answer.content
        return Trainer(as_operator, answer.json())

    return ask


@pytest.fixture
def trainer(claim):
    return claim()

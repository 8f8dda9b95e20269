"""What holds for every page: no inline code, landmarks, own static files only."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import timezone

from monitoring.models import Alert
from updates.flows.trigger import trigger

STATIC = Path(apps.get_app_config("monitoring").path) / "static"


@pytest.fixture
def pages(as_operator, live, make_policy):
    """All pages as an operator sees them, by address."""
    make_policy(live.recommender, hold_reason="held")
    run = trigger(live.recommender, strategy="full")
    one = f"/recommenders/{live.recommender.slug}/"
    policy = f"{one}policies/hourly/"
    addresses = ["/", one, f"{one}versions/1/", f"{one}versions/1/weights/", f"/runs/{run.pk}/"]
    addresses += [f"{one}versions/1/proof/", f"{one}joining/"]
    addresses += [f"/runs/{live.run.pk}/", policy, f"{policy}cadence/"]
    now = timezone.now()
    alert = Alert.objects.create(
        recommender=live.recommender, kind="backlog", severity="critical", since=now, held_at=now
    )
    alert.fire(now)
    addresses += ["/alerts/", f"/alerts/{alert.pk}/"]
    return {url: as_operator.get(url).content.decode() for url in addresses}


def test_no_page_holds_inline_script_or_style(pages):
    for url, page in pages.items():
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), url
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page), url


def test_the_policy_lets_nothing_in_from_elsewhere(as_viewer):
    policy = as_viewer.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_every_address_on_a_page_is_its_own(pages):
    for url, page in pages.items():
        links = re.findall(r'(?:href|src|action|hx-get|hx-post)="([^"]*)"', page)
        assert all(link.startswith(("/", "?", "#")) for link in links), url


def test_every_whole_page_has_landmarks_a_skip_link_and_one_heading(pages):
    for url, page in pages.items():
        if "<html" in page:
            assert 'href="#main"' in page, url
            assert '<main id="main"' in page, url
            assert page.count("<h1") == 1, url


def test_ids_are_unique(pages):
    for url, page in pages.items():
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), url


def test_every_label_and_heading_reference_leads_somewhere(pages):
    for url, page in pages.items():
        ids = set(re.findall(r'\bid="([^"]+)"', page))
        names = r"(?<!-)\bfor|aria-labelledby|aria-describedby|popovertarget|data-dialog"
        wanted = re.findall(rf'(?:{names})="([^"]+)"', page)
        assert set(" ".join(wanted).split()) <= ids, url


def test_vendored_scripts_carry_a_licence_and_ask_for_no_source_map():
    scripts = list((STATIC / "vendor").glob("*.js"))
    assert scripts
    for script in scripts:
        name = script.name.rsplit("-", 1)[0]
        assert (STATIC / "vendor" / f"{name}.LICENSE.md").exists(), script.name
        assert "sourceMappingURL" not in script.read_text(), script.name


def test_no_script_of_ours_needs_eval_or_another_host():
    for script in (STATIC / "monitoring").glob("*.js"):
        assert not re.search(r"\beval\(|new Function|https?://", script.read_text()), script.name

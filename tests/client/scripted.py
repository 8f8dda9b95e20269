"""A server for ``httpx.MockTransport`` that answers as it is told."""

import threading

import httpx


class Scripted:
    """Answers with the next of ``answers``, then with ``otherwise``; keeps the requests.

    An answer is a response, an exception to be raised, or a function of the request.
    """

    def __init__(self, *answers, otherwise=None):
        self.answers = list(answers)
        self.otherwise = otherwise or httpx.Response(200, json={})
        self.requests = []
        self._lock = threading.Lock()

    def __call__(self, request):
        request.read()
        with self._lock:
            self.requests.append(request)
            answer = self.answers.pop(0) if self.answers else self.otherwise
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        # A response is consumed by who reads it.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def problem(status, kind="", headers=None, **members):
    """An answer of RFC 9457."""
    body = {"type": f"/api/docs/#{kind}" if kind else "about:blank", "status": status, **members}
    return httpx.Response(status, json=body, headers=headers)

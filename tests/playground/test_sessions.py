"""Sessions: one for each student, in a bounded number."""

from __future__ import annotations

import pytest

from fastconv.playground.messages import Message, encode
from fastconv.playground.sessions import Sessions
from fastconv.playground.tab import Tab


class Echo(Tab):
    """A tab that answers with the text that it gets, and notes when it is closed."""

    name = "echo"
    closed = False

    def actions(self):
        return {
            "say": lambda message: Message({"type": "said", "text": message.fields["text"]}),
            "fail": self.fail,
            "crash": lambda message: 1 / 0,
        }

    def fail(self, message):
        raise ValueError("text: wrong")

    def close(self):
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions((Echo,), most=2, seconds=100, clock=clock)


def ignore(message):
    pass


def deep(depth):
    """Return a list of a list of a list ..."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_students_have_tabs_of_their_own(sessions):
    first, second = (sessions.enter("", ignore) for _ in range(2))
    assert first.key != second.key
    assert first.tabs["echo"] is not second.tabs["echo"]
    assert len(sessions) == 2


def test_answers_go_to_the_page_that_asked(sessions):
    pages = [], []
    first, _ = (sessions.enter("", page.append) for page in pages)
    first.answer(Message({"tab": "echo", "type": "say", "text": "a"}))
    assert [message.fields for message in pages[0]] == [{"type": "said", "text": "a", "tab": "echo"}]
    assert pages[1] == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"tab": "echo", "type": "fail"}, "text: wrong"),
        ({"tab": "echo", "type": "unknown"}, "type: "),
        ({"tab": "echo"}, "type: "),
        ({"tab": "other", "type": "say"}, "tab: "),
        ({"tab": ["echo"], "type": "say"}, "tab: "),
        ({}, "tab: "),
        ({"tab": float("nan"), "type": "say"}, "tab: "),  # JSON of Python knows NaN, JSON of JavaScript does not
        ({"tab": [float("nan")], "type": "say"}, "tab: "),
        ({"tab": deep(100_000), "type": "say"}, ""),
        ({"tab": "echo", "type": deep(100_000)}, ""),
    ],
)
def test_errors_are_answers(sessions, fields, error):
    page = []
    sessions.enter("", page.append).answer(Message(fields))
    assert [message.kind for message in page] == ["error"]
    assert page[0].fields["message"].startswith(error)
    encode(page[0])


def test_errors_of_the_program_are_logged_and_answered(sessions, caplog):
    page = []
    sessions.enter("", page.append).answer(Message({"tab": "echo", "type": "crash"}))
    assert "division by zero" in page[0].fields["message"]
    assert "ZeroDivisionError" in caplog.text


def test_a_page_that_comes_back_finds_its_session(sessions, clock):
    session = sessions.enter("", ignore)
    session.leave()
    clock.now = 99
    assert sessions.enter(session.key, ignore) is session


def test_two_pages_do_not_share_a_session(sessions):
    session = sessions.enter("", ignore)
    assert sessions.enter(session.key, ignore) is not session


def test_a_session_without_a_page_ends(sessions, clock):
    session = sessions.enter("", ignore)
    session.leave()
    clock.now = 101
    assert sessions.enter(session.key, ignore) is not session
    assert session.tabs["echo"].closed
    assert len(sessions) == 1


def test_the_number_is_bounded(sessions, clock):
    first, second = (sessions.enter("", ignore) for _ in range(2))
    assert sessions.enter("", ignore) is None
    second.leave()
    clock.now = 1
    first.leave()
    third = sessions.enter("", ignore)
    assert third is not None
    assert second.tabs["echo"].closed  # it has waited longer than the first
    assert not first.tabs["echo"].closed
    assert len(sessions) == 2


def test_messages_of_a_lost_page_are_dropped(sessions):
    page = []
    session = sessions.enter("", page.append)
    session.leave()
    session.tabs["echo"].push(Message({"type": "late"}))
    assert page == []

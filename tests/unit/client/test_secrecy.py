"""The scrubber by itself: what goes from words, what stays, and what of a reply is words at all."""

from __future__ import annotations

import base64
import copy
import logging
import pickle
import sys
from typing import Any

import pytest

from phoenix_nbtrain.client.secrecy import (
    Secret,
    _clean,
    keep_out_of_logs,
    without_secrets,
    words_without_secrets,
)

PLANTED = "planted-Secret/42"


@pytest.fixture
def secret() -> Secret:
    return Secret(PLANTED)


class TestSecret:
    def test_it_shows_nothing(self, secret):
        assert repr(secret) == str(secret) == f"{secret}" == f"{secret:>99}" == "Secret(…)"
        assert secret.reveal() == PLANTED

    def test_it_is_itself_when_copied_and_never_pickled(self, secret):
        assert copy.copy(secret) is copy.deepcopy(secret) is secret
        with pytest.raises(TypeError, match="a secret is not pickled or copied"):
            pickle.dumps(secret)

    def test_two_of_one_value_are_equal_and_hash_alike(self, secret):
        assert secret == Secret(PLANTED)
        assert hash(secret) == hash(Secret(PLANTED)) != hash(Secret("another"))
        assert secret != Secret("another")
        assert secret != PLANTED
        assert secret != object()

    def test_its_forms_are_the_value_and_each_way_it_is_encoded_amid_others(self):
        value = "ab?>cd~é"  # base64 of it holds both characters that differ in addresses
        forms = list(Secret(value).forms())
        assert (
            base64.b64encode(b"abcdeW").decode() == "YWJjZGVX" == list(Secret("abcdeW").forms())[1]
        )
        raw = value.encode()
        assert forms[0] == value
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            assert encode(raw).decode().rstrip("=") in forms
            for before in range(3):
                whole = encode(b"x" * before + raw + b"yyy").decode()
                inside = max((f for f in forms if f in whole), key=len)
                # All of it but the characters that it shares with its neighbours.
                assert len(inside) >= len(raw) * 8 // 6 - 1
        assert len(forms) == 1 + 2 * (1 + 3)
        assert all(len(form) >= len(value) for form in forms)


class TestWords:
    @pytest.mark.parametrize(
        ("words", "left"),
        [
            (f"it was {PLANTED}.", "it was …."),
            (f"{PLANTED}", "…"),
            (f"{PLANTED}, {PLANTED} and {PLANTED}", "…, … and …"),
            (f"{PLANTED}{PLANTED}", "……"),
            ("key " + base64.b64encode(PLANTED.encode()).decode() + " sent", "key … sent"),
            ("key " + base64.b64encode(PLANTED.encode()).decode() + "=== sent", "key …== sent"),
            (r"planted-Secret\/42", "…"),
            (r"planted-Secret\\\/42", "…"),
            (r"planted-Secret\u002f42!", "…!"),
            (r"planted-Secret\x2F42!", "…!"),
            ("planted-Secret%2F42!", "…!"),
            ("planted-Secret%252f42!", "…!"),
            ("planted-Secret&#47;42!", "…!"),
            ("planted-Secret&#x2F;42!", "…!"),
            ("planted-Secret&amp;sol;42!", "…!"),
            (r"a%20b &lt; \n " + PLANTED, r"a%20b &lt; \n …"),
            ("planted-Secret", "planted-Secret"),
            ("", ""),
        ],
    )
    def test_a_secret_goes_and_what_is_around_it_stays(self, secret, words, left):
        assert without_secrets(words) == left
        assert secret

    def test_secrets_that_overlap_go_whole(self):
        kept = [Secret("abcdefgh"), Secret("efghijkl"), Secret("cdefgh")]
        assert without_secrets("-abcdefghijkl-") == "-…-"
        assert without_secrets("-abcdefgh-efghijkl-") == "-…-…-"
        assert kept

    def test_how_short_a_secret_is_too_short(self):
        kept = [Secret("sixsix"), Secret("five5"), Secret("four")]
        assert without_secrets("a sixsix, a five5") == "a …, a five5"
        assert without_secrets("Bearer four, basic FOUR, bearer four5") == "…, …, bearer four5"
        assert without_secrets("six%73ix") == "…"
        assert kept

    def test_of_two_short_ones_the_longer_goes_first(self):
        kept = [Secret("ab"), Secret("ab!c"), Secret("x"), Secret("")]
        assert without_secrets("Bearer ab!c, Bearer ab, Bearer x, Bearer ;") == "…, …, …, Bearer ;"
        assert kept

    def test_a_short_one_takes_no_other_with_it(self):
        kept = [Secret("a.c")]
        assert without_secrets("Bearer abc") == "Bearer abc"
        assert kept

    @pytest.mark.parametrize(
        ("words", "left"),
        [
            ("BEARER abcdef, basic abcdef;", "BEARER …, basic …;"),
            ("bearer abcde", "bearer abcde"),
            ("HTTPS://a.test/x?k=1", "HTTPS://a.test/x?…"),
            ("http://a.test/x", "http://a.test/x"),
            ("http://a.test/x?", "http://a.test/x?…"),
            ("http://a.test/x?a=1?b=2 and", "http://a.test/x?… and"),
            (
                "see https://s3.test/a?X-Amz-Signature=hunter2&x=1 here",
                "see https://s3.test/a?… here",
            ),
            ("path /a?x=1&X-Amz-Signature=hunter2&y=2", "path /a?x=1&X-Amz-Signature=…&y=2"),
            ("via http://me:pw@proxy.test:3128/", "via http://…@proxy.test:3128/"),
            ("via socks5h://hunter2@proxy.test", "via socks5h://…@proxy.test"),
            ("'Basic aHVudGVyMg==' is no key", "'Basic …' is no key"),
            ("ftp://me:pw@a.test/", "ftp://…@a.test/"),
            ("Signature=abc&b=1", "Signature=…&b=1"),
            ("x-amz-Security-Token=abc", "x-amz-Security-Token=…"),
            ("Key-Pair-Id=abc policy=def sig=ghi", "Key-Pair-Id=… policy=… sig=…"),
        ],
    )
    def test_what_looks_like_credentials_goes(self, words, left):
        assert without_secrets(words) == left


class TestReplies:
    def test_only_what_the_service_says_is_cleaned(self, secret):
        reply = {
            "id": PLANTED,
            "reason": PLANTED,
            "details": {PLANTED: [PLANTED, 3, None, {"name": PLANTED}]},
            "parameters": {"message": PLANTED},
            "training": [{"caption": PLANTED, "error": PLANTED}],
        }
        assert words_without_secrets(reply) == {
            "id": PLANTED,
            "reason": "…",
            "details": {"…": ["…", 3, None, {"name": "…"}]},
            "parameters": {"message": PLANTED},
            "training": [{"caption": PLANTED, "error": "…"}],
        }
        assert words_without_secrets({"details": {"input": PLANTED}}) == {"details": {"input": "…"}}
        assert words_without_secrets({PLANTED: 1}) == {PLANTED: 1}
        assert secret

    @pytest.mark.parametrize("length", [10_000, 10_001])
    def test_words_that_nobody_reads_are_dropped(self, length):
        left = words_without_secrets({"reason": "a" * length, "name": "a" * length})
        assert left == {"reason": "a" * 10_000 if length == 10_000 else "", "name": "a" * length}

    @pytest.mark.parametrize("nest", ["list", "dict"])
    @pytest.mark.parametrize(("deep", "kept"), [(31, True), (32, False)])
    def test_what_lies_too_deep_in_words_is_dropped(self, secret, nest, deep, kept):
        def nested(value: object) -> Any:
            for _ in range(deep):
                value = [value] if nest == "list" else {"a": value}
            return {"reason": value, "name": value}

        left = words_without_secrets(nested(PLANTED))
        assert left["name"] == nested(PLANTED)["name"]
        assert left["reason"] == nested("…" if kept else None)["reason"]
        assert secret


class TestLogs:
    def record(self, **fields: Any) -> logging.LogRecord:
        record = logging.LogRecord(
            "x", logging.INFO, "f", 1, f"sent %s {PLANTED}", (PLANTED,), None
        )
        for name, value in fields.items():
            setattr(record, name, value)
        return record

    def test_each_part_of_a_record_is_cleaned(self, secret):
        try:
            raise ValueError(PLANTED)
        except ValueError:
            failed = sys.exc_info()
        record = self.record(exc_info=failed, stack_info=f"at {PLANTED}")
        assert _clean(record) is True
        assert (record.msg, record.args) == ("sent … …", ())
        assert record.exc_info is None
        assert record.exc_text is not None
        assert record.exc_text.endswith("ValueError: …")
        assert record.stack_info == "at …"
        assert secret

    def test_what_was_formatted_before_is_cleaned_as_it_is(self, secret):
        record = self.record(
            exc_text=f"before {PLANTED}", exc_info=(ValueError, ValueError(), None)
        )
        _clean(record)
        assert (record.exc_text, record.exc_info) == ("before …", None)
        plain = self.record()
        _clean(plain)
        assert (plain.exc_text, plain.stack_info) == (None, None)
        assert secret

    def test_every_logger_of_the_wire_is_kept_clean_once(self):
        keep_out_of_logs()
        keep_out_of_logs()
        for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
            assert logging.getLogger(name).filters.count(_clean) == 1

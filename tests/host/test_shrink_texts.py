"""The texts of ValueErrors go where no handler of the program reads them, and stay where one may."""

from __future__ import annotations

import textwrap

import pytest
from modules import result

from host_tools.deploy.shrink import shrink

CHECK = """
class OwnError(ValueError):
    pass

def check(n):
    if n > 9:
        raise ValueError("at most %d, not %d" % (9, n))
    if n < 0:
        raise OwnError("below zero")
    return n

def told(n):
    try:
        return check(n)
{handler}

result = [told(n) for n in (-1, 3, 10)]
result += [told(-2)]
"""
SILENT = {
    "no name": "    except ValueError:\n        return 'no'",
    "asked what it is": "    except ValueError as e:\n        return str(e) if isinstance(e, OwnError) else 'no'",
    "printed": "    except ValueError as e:\n        import sys\n        n > 99 and sys.print_exception(e)",
    "another kind": "    except OwnError as e:\n        return str(e)\n    except ValueError:\n        return 'no'",
}
READ = {
    "returned": "    except ValueError as e:\n        return str(e)",
    "among others": "    except (OSError, Exception) as e:\n        return e.args",
    "asked whether it is just that": (
        "    except Exception as e:\n        return str(e) if isinstance(e, ValueError) else 'no'"
    ),
    "the other way round": "    except ValueError as e:\n        return 'no' if isinstance(e, OwnError) else str(e)",
}


def small(handler: str, *, whole: str = "main") -> str:
    program = {"main": textwrap.dedent(CHECK).format(handler=handler)}
    made = shrink(program, whole=whole, short=False, keep=["result"])
    assert repr(result(made)) == repr(result(program))
    return made["main"]


@pytest.mark.parametrize("what", SILENT)
def test_a_text_that_nobody_reads_goes(what):
    text = small(SILENT[what])
    assert "at most" not in text and "below zero" in text


@pytest.mark.parametrize("what", READ)
def test_a_text_that_a_handler_may_read_stays(what):
    assert "at most" in small(READ[what])


def test_a_text_that_is_made_by_a_call_stays_with_the_call():
    handler = SILENT["no name"] + "\ndef counted(n):\n    seen.append(n)\n    raise ValueError(counted(n))\nseen = []"
    assert "raise ValueError(counted(" in small(handler)


def test_modules_that_stay_by_themselves_keep_their_texts():
    assert "at most" in small(SILENT["no name"], whole="")

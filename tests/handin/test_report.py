"""A table that no spreadsheet takes for formulas."""

import re

from hypothesis import given
from hypothesis import strategies as st

from coursekit.handin import report
from coursekit.handin.safe_html import clean


@given(
    st.text(st.sampled_from("=+-@＝\t\r\n ;,'\"a\u3000\u200b\ufeff|"), max_size=12)
    | st.text(max_size=12)
)
def test_harmless_texts(text):
    made = report.harmless(text)
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    for part in re.split(r"[\n;\t]", made):
        assert not part.strip(" \u3000\u200b\ufeff\r").startswith(("=", "+", "-", "@", "＝"))
    assert made.replace("'", "") == clean(text).replace("'", "") and report.harmless(7) == 7

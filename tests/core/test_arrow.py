"""Arrays over memory are those that pyarrow would make."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.core.arrow import bytes_array, bytes_scalar, int64_values, mask_array, mask_values, text_array


@settings(deadline=None)  # pyarrow's own arrays import pandas
@given(st.lists(st.none() | st.text()))
def test_texts_are_read_back_with_their_nulls(texts: list[str | None]) -> None:
    array = text_array(texts)
    array.validate(full=True)
    assert array.equals(pa.array(texts, type=pa.large_string()))


@settings(deadline=None)  # pyarrow's own arrays import pandas
@given(st.lists(st.booleans()), st.integers(0, 20))
def test_a_mask_is_read_back(mask: list[bool], first: int) -> None:
    array = mask_array(np.array(mask, dtype=np.bool_))
    assert array.equals(pa.array(mask, type=pa.bool_()))
    assert mask_values(array[first:]).tolist() == mask[first:]


@settings(deadline=None)  # pyarrow's own arrays import pandas
@given(st.lists(st.none() | st.integers(-5, 2**40)), st.integers(0, 20))
def test_numbers_have_one_in_place_of_nulls(numbers: list[int | None], first: int) -> None:
    array = pa.array(numbers, type=pa.int64())[first:]
    assert int64_values(array, null=-9).tolist() == [-9 if number is None else number for number in numbers[first:]]


@settings(deadline=None)  # pyarrow's own arrays import pandas
@given(st.lists(st.binary()))
def test_bytes_are_views_end_to_end(values: list[bytes]) -> None:
    data = np.frombuffer(b"".join(values), dtype=np.uint8)
    array = bytes_array(data, np.array([len(value) for value in values], dtype=np.int64))
    array.validate(full=True)
    assert array.to_pylist() == values
    assert [bytes_scalar(value).as_py() for value in values] == values

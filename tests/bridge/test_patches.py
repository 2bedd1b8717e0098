"""What Megatron-Bridge can't do is patched."""


def test_counters_of_more_than_32_bits_are_saved() -> None:
    from megatron.bridge.training.state import TrainState

    from nano3.training.bridge.patches import count_beyond_int32

    count_beyond_int32()
    seen = 25 * 10**12 // 4_096
    state = TrainState(step=745_058, consumed_train_samples=seen)
    again = TrainState()
    again.load_state_dict(state.state_dict())
    assert (again.step, again.consumed_train_samples) == (745_058, seen)

"""Which windows are out of the ordinary: functions and small states that know nothing of runners."""

"""The training loop: what graft/train.h says, over arrays by name."""

import collections

import numpy as np

from ._core import dtype_of, encoded, ffi, lib, type_of

_SCHEDULES = {"constant": lib.GRAFT_SCHEDULE_CONSTANT, "step": lib.GRAFT_SCHEDULE_STEP, "cosine": lib.GRAFT_SCHEDULE_COSINE}

TrainState = collections.namedtuple("TrainState", [name for name, _ in ffi.typeof("graft_train_state").fields if name != "size"])
TrainState.__doc__ = """How far training is, after a step: the members of graft_train_state. Numbers that are not known are NaN."""


def _given(arrays, keep):
    """graft_train_inputs of arrays by name, which are read where they are."""
    items = ffi.new("graft_train_input[]", len(arrays))
    for item, (name, array) in zip(items, arrays.items()):
        array = np.require(array, requirements="C")
        keep += [array, ffi.new("char[]", encoded(name)), ffi.from_buffer(array)]
        item.size, item.name, item.data = ffi.sizeof("graft_train_input"), keep[-2], keep[-1]
        item.type = type_of(array, dtype_of(array))[0]
    return items


def train(module, data, validation, after_step, checkpoint, session, options):
    """Module.train."""
    history, failed, stopped, keep = [], [], [], []

    def failure(kind, error, trace):  # an interrupt too, which comes when Python runs again
        failed.append(error)

    @ffi.callback("graft_train_function", error=lib.GRAFT_CANCELLED, onerror=failure)
    def after(user, state):
        state = TrainState(*(getattr(state, name) for name in TrainState._fields))
        if state.epoch_ended:
            history.append(state)
            if checkpoint is not None:
                module.save(checkpoint)
        if after_step is not None and after_step(state):
            stopped.append(state)
            return lib.GRAFT_CANCELLED
        return lib.GRAFT_OK

    options = dict(options, size=ffi.sizeof("graft_train_options"), after_step=after)
    if "schedule" in options:
        options["schedule"] = _SCHEDULES[options["schedule"]]
    if "labels" in options:
        keep.append(ffi.new("char[]", encoded(options["labels"])))
        options["labels"] = keep[-1]
    if session:
        keep.append(ffi.new("graft_session_options *", dict(session, size=ffi.sizeof("graft_session_options"))))
        options["session"] = keep[-1]
    given = ffi.new("graft_train_options *", options)
    inputs, validating = _given(data, keep), _given(validation, keep)
    given.inputs, given.input_count = inputs, len(data)
    given.validation, given.validation_count = validating, len(validation)
    status = lib.graft_train(module._pointer, given)
    if failed or stopped:
        module.context._take()  # that it was cancelled
    else:
        module.context._check(status)
    if checkpoint is not None and (stopped or any(isinstance(e, KeyboardInterrupt) for e in failed)):
        module.save(checkpoint)
    if failed:
        raise failed[0]
    return history

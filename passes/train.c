/* The training loop. A step is: the rate of its number, one run of the graph `train` for each part of the batch, and
 * one of `apply` where the optimizer stands apart (train-step{accumulate=true}). All of training's state is the
 * module's tensors; what else a step needs follows from the options and from its number:
 *
 *     number of the step = optimizer.step - optimizer.start  (a tensor that is there where training began later than 0)
 *     epoch, place in it = number / steps of an epoch, and the rest
 *
 * Passes run between steps, while there is no session: those that there were are made again. */
#include "passes/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ir/graph/element_int.h"
#include "ir/graph/options_int.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "passes/train_impl.h"
#include "runtime/runtime_int.h"

#define PI 3.14159265358979323846

typedef struct mean {
  double sum, of;
} mean;

typedef struct trainer {
  graft_module *m;
  graft_context *context;
  graft_train_options o;
  graft_session_options session_options;
  graft_graph *train, *apply, *first; /* apply: NULL: the optimizer is in train */
  graft_session *training, *applying, *validating;
  gr_table data, validation;
  gr_score score;
  graft_tensor lr, counter;
  int64_t validation_rows;              /* of which the first graph takes no other number; 0: any */
  uint32_t loss_at, validation_loss_at; /* outputs; GRAFT_NONE: none */
  double rate;                          /* in the buffer */
  int64_t start, steps_of_epoch;
  double began;
  graft_train_state state;
  uint64_t seed; /* of the run at hand */
  double loss;   /* of it */
  bool warned;   /* of data that are not finite */
  mean epoch_loss, epoch_right;
} trainer;

static double now(void) {
  struct timespec t;
  return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0.0;
}

static double mean_of(mean m) { return m.of > 0 ? m.sum / m.of : NAN; }

static graft_status refuse(const trainer *t, const char *why) {
  return gr_error(t->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s", why);
}

/* ---- what is trained ---- */

/* Numbers that training keeps in the module: a file may have anything under these names. */
static bool holds_number(const trainer *t, graft_tensor at, graft_dtype dtype) {
  const graft_type *type = gr_tensor_type(t->m, at);
  return type->dtype == dtype && type->rank == 0 && graft_tensor_get_kind(t->m, at) != GRAFT_CONSTANT;
}

static uint32_t output_of(const graft_graph *g, const char *name) {
  for (uint32_t i = 0; i < graft_output_count(g); i++)
    if (strcmp(graft_output_name(g, i), name) == 0) return i;
  return GRAFT_NONE;
}

static bool is_number(const graft_graph *g, uint32_t output) {
  const graft_type t = graft_value_get_type(g, graft_output_get(g, output));
  return t.rank == 0 && gr_is_float(t.dtype);
}

static graft_status find_graphs(trainer *t) {
  const gr_loc where = gr_module_loc(t->m);
  t->train = graft_module_find_graph(t->m, "train");
  t->apply = graft_module_find_graph(t->m, "apply");
  if (!t->train)
    return gr_error(t->context, GRAFT_NAME, where, "no graph is called 'train': run the pipeline train-step before");
  t->loss_at = output_of(t->train, "loss");
  if (t->loss_at == GRAFT_NONE || !is_number(t->train, t->loss_at))
    return gr_error(t->context, GRAFT_NAME, where, "the graph 'train' has no output 'loss' that is one number");
  t->lr = graft_tensor_find(t->m, "optimizer.lr");
  t->counter = graft_tensor_find(t->m, "optimizer.step");
  if (t->lr == GRAFT_NONE || t->counter == GRAFT_NONE || !holds_number(t, t->lr, GRAFT_F32) ||
      !holds_number(t, t->counter, GRAFT_I64))
    return gr_error(t->context, GRAFT_NAME, where,
                    "there are no buffers 'optimizer.lr', f32[], and 'optimizer.step', i64[]: run the pass optimizer "
                    "before");
  if (t->o.accumulate > 1 && !t->apply)
    return gr_error(t->context, GRAFT_INVALID_ARGUMENT, where,
                    "steps of several batches need a graph 'apply': train-step{accumulate=true}");
  t->first = graft_module_get_graph(t->m, 0);
  if (t->first == t->train)
    return gr_error(t->context, GRAFT_NAME, where, "the first graph is 'train': there is none for validation");
  return GRAFT_OK;
}

static graft_status read_number(trainer *t, graft_tensor of, void *x) {
  const void *data = graft_tensor_get_data(t->m, of);
  if (!data) return GRAFT_NO_MEMORY;
  memcpy(x, data, graft_dtype_size(gr_tensor_type(t->m, of)->dtype));
  return GRAFT_OK;
}

static graft_status write_bytes(trainer *t, graft_tensor to, const void *bytes, size_t size) {
  void *data = gr_tensor_write(t->m, to);
  if (!data) return gr_no_memory(t->context);
  memcpy(data, bytes, size);
  return GRAFT_OK;
}

static graft_status set_rate(trainer *t, double rate) {
  const float x = (float)rate;
  return write_bytes(t, t->lr, &x, sizeof x);
}

/* Where training began, and where it is. */
static graft_status find_start(trainer *t) {
  static const char name[] = "optimizer.start";
  const gr_loc counter = {.node = "optimizer.step"};
  graft_tensor at = graft_tensor_find(t->m, name);
  int64_t counted = 0, start = 0;
  float rate = 0;
  graft_status s = read_number(t, t->counter, &counted);
  if (!s) s = read_number(t, t->lr, &rate);
  t->rate = (double)rate;
  if (!s && !(t->rate > 0 && t->rate < INFINITY))
    s = gr_error(t->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.node = "optimizer.lr"},
                 "the learning rate is %g: it is above 0", t->rate);
  if (!s && at != GRAFT_NONE && !holds_number(t, at, GRAFT_I64))
    s = gr_error(t->context, GRAFT_NAME, (gr_loc){.node = name}, "there is a tensor of this name that is no i64[]");
  if (s) return s;
  if (t->o.resume) {
    if (at != GRAFT_NONE) s = read_number(t, at, &start);
  } else {
    start = counted;
  }
  if (!s && (counted < 0 || counted > INT64_MAX - t->state.steps))
    s = gr_error(t->context, GRAFT_INVALID_ARGUMENT, counter, "%" PRId64 " steps were never taken", counted);
  if (!s && (start < 0 || start > counted))
    s = gr_error(t->context, GRAFT_INVALID_ARGUMENT, counter,
                 "step %" PRId64 ", but training began behind step %" PRId64 " ('%s')", counted, start, name);
  if (s) return s;
  if (!t->o.resume) {
    const graft_type type = graft_type_make(GRAFT_I64, 0, NULL);
    if (at != GRAFT_NONE)
      s = write_bytes(t, at, &start, sizeof start);
    else if (start && graft_tensor_create(t->m, name, GRAFT_BUFFER, &type, &start) == GRAFT_NONE)
      s = GRAFT_NO_MEMORY;
  }
  t->start = start;
  t->state.step = counted - start;
  return s;
}

/* Parts of a step that was not finished are forgotten. */
static graft_status forget_parts(trainer *t) {
  if (!t->apply) return GRAFT_OK;
  for (uint32_t i = 0; i < t->train->updates.len; i++) {
    const graft_tensor to = t->train->updates.data[i].tensor;
    if (to == GRAFT_NONE) continue;
    const gr_name its = t->m->tensors.data[to].name;
    const char *name = gr_string_text(t->m, its.base); /* without its number, which none of these has */
    const size_t length = strlen(name);
    const bool sum = length >= 5 && strcmp(name + length - 5, ".grad") == 0;
    if (its.number || (!sum && strcmp(name, "optimizer.parts") != 0)) continue;
    void *data = gr_tensor_write(t->m, to);
    if (!data) return gr_no_memory(t->context);
    memset(data, 0, gr_tensor_bytes(t->m, to));
  }
  return GRAFT_OK;
}

/* ---- the schedule ---- */

static double rate_of(const trainer *t, int64_t step) {
  const graft_train_options *o = &t->o;
  double rate = t->rate;
  if (o->schedule == GRAFT_SCHEDULE_STEP) {
    const int64_t changes = step / t->steps_of_epoch / o->schedule_epochs;
    rate *= pow(o->schedule_factor, (double)changes);
  } else if (o->schedule == GRAFT_SCHEDULE_COSINE && step >= o->warmup) {
    const double at = (double)(step - o->warmup) / (double)(t->state.steps - o->warmup);
    rate = o->schedule_least + (rate - o->schedule_least) * (1 + cos(PI * at)) / 2;
  }
  return step < o->warmup ? rate * (double)(step + 1) / (double)o->warmup : rate;
}

/* ---- sessions ---- */

static void end_sessions(trainer *t) {
  graft_session_destroy(t->training);
  graft_session_destroy(t->applying);
  graft_session_destroy(t->validating);
  t->training = t->applying = t->validating = NULL;
}

/* The results are there, and nothing has landed yet. */
static graft_status inspect(void *user, graft_session *session) {
  trainer *t = user;
  graft_type type;
  const void *loss = gr_session_result(session, t->loss_at, &type);
  t->loss = gr_element_float(type.dtype, loss);
  if (isfinite(t->loss)) return GRAFT_OK;
  char what[160];
  (void)snprintf(what, sizeof what, "the loss of step %" PRId64 " (epoch %" PRId64 ") is %g; the step was not done",
                 t->state.step + 1, t->state.epoch, t->loss);
  return gr_blame(t->train, graft_output_get(t->train, t->loss_at), &t->data, &t->session_options, t->seed, what);
}

static graft_status make_session(trainer *t, graft_graph *g, graft_session **session) {
  if (*session) return GRAFT_OK;
  *session = graft_session_create(g, &t->session_options);
  if (!*session) return GRAFT_NO_MEMORY;
  if (g == t->train) gr_session_inspect(*session, inspect, t);
  return GRAFT_OK;
}

/* ---- a step ---- */

/* A pass that is due after so many steps; done again, it changes nothing. */
static graft_status run_due(trainer *t, int64_t after, bool *done, const char *pass) {
  if (!after || *done || t->state.step < after) return GRAFT_OK;
  end_sessions(t);
  *done = true;
  return graft_run_passes(t->m, pass, NULL);
}

static graft_status run_parts(trainer *t, int64_t place, mean *loss, mean *right) {
  const int64_t parts = t->o.accumulate;
  graft_status s = make_session(t, t->train, &t->training);
  if (!s && t->apply) s = make_session(t, t->apply, &t->applying);
  for (int64_t i = 0; i < parts && !s; i++) {
    const int64_t batch = place * parts + i;
    t->seed = gr_mix(t->session_options.seed + (uint64_t)(t->start + t->state.step)) + (uint64_t)i;
    s = gr_table_feed(&t->data, batch * t->o.batch, t->o.batch, t->training);
    gr_session_seed(t->training, t->seed);
    if (!s) s = graft_session_run(t->training);
    graft_type type;
    const void *first = s ? NULL : graft_session_get_output(t->training, 0, &type);
    if (!first) break;
    if (!t->warned) t->warned = gr_warn_of_batch(&t->data, t->state.step + 1);
    const int64_t hits = gr_table_right(&t->data, &type, first);
    loss->sum += t->loss;
    loss->of++;
    right->sum += (double)hits;
    right->of += hits < 0 ? 0 : (double)t->o.batch;
  }
  if (!s && t->apply) s = graft_session_run(t->applying);
  return s;
}

static graft_status validate(trainer *t) {
  gr_table *v = &t->validation;
  graft_train_state *state = &t->state;
  mean loss = {0}, right = {0};
  graft_status s = make_session(t, t->first, &t->validating);
  for (int64_t at = 0; at < v->rows && !s; at += v->batch) {
    const int64_t count = v->rows - at < v->batch ? v->rows - at : v->batch;
    if (count < v->batch && t->validation_rows) break; /* the graph takes no other number of rows */
    graft_type result;
    s = gr_table_feed(v, at, count, t->validating);
    if (!s) s = graft_session_run(t->validating);
    const void *y = s ? NULL : graft_session_get_output(t->validating, 0, &result);
    if (!y) break;
    const int64_t hits = gr_table_right(v, &result, y);
    right.sum += (double)hits;
    right.of += hits < 0 ? 0 : (double)count;
    state->validated += count;
    if (t->score.m) {
      y = graft_session_get_output(t->validating, t->score.output, &result);
      const graft_type type = result;
      y = gr_score_run(&t->score, v, &t->session_options, &type, y, &result);
      if (!y) return GRAFT_RUN;
    } else if (t->validation_loss_at != GRAFT_NONE) {
      y = graft_session_get_output(t->validating, t->validation_loss_at, &result);
    } else {
      continue;
    }
    loss.sum += gr_element_float(result.dtype, y) * (double)count;
    loss.of += (double)count;
  }
  state->validation_accuracy = mean_of(right);
  state->validation_loss = mean_of(loss);
  return s;
}

static void begin_epoch(trainer *t) { t->epoch_loss = t->epoch_right = (mean){0}; }

static graft_status take_step(trainer *t) {
  graft_train_state *state = &t->state;
  const int64_t place = state->step % t->steps_of_epoch;
  mean loss = {0}, right = {0};
  state->epoch = state->step / t->steps_of_epoch + 1;
  state->validated = 0;
  state->validation_loss = state->validation_accuracy = NAN;
  graft_status s = GRAFT_OK;
  if (place == 0 || state->taken == 0) {
    begin_epoch(t);
    if (t->o.shuffle) s = gr_table_shuffle(&t->data, t->o.seed, state->epoch);
  }
  state->rate = rate_of(t, state->step);
  const bool other = (float)state->rate != (float)t->rate;
  if (!s && other) s = set_rate(t, state->rate);
  if (!s) s = run_parts(t, place, &loss, &right);
  if (other) {
    const graft_status back = set_rate(t, t->rate);
    s = s ? s : back;
  }
  if (s) return s;
  state->step++;
  state->taken++;
  state->rows += t->o.batch * t->o.accumulate;
  state->loss = mean_of(loss);
  state->accuracy = mean_of(right);
  t->epoch_loss.sum += state->loss;
  t->epoch_loss.of++;
  t->epoch_right.sum += right.sum;
  t->epoch_right.of += right.of;
  state->epoch_loss = mean_of(t->epoch_loss);
  state->epoch_accuracy = mean_of(t->epoch_right);
  state->epoch_ended = place + 1 == t->steps_of_epoch;
  if (state->epoch_ended && t->o.validation_count) s = validate(t);
  state->seconds = now() - t->began;
  if (s || !t->o.after_step) return s;
  const uint32_t errors = gr_error_count(t->context);
  s = t->o.after_step(t->o.after_step_user, state);
  if (s && gr_error_count(t->context) == errors)
    s = gr_error(t->context, s, gr_module_loc(t->m), "after_step ended training behind step %" PRId64, state->step);
  return s;
}

/* ---- all of it ---- */

static graft_status check_options(trainer *t) {
  graft_train_options *o = &t->o;
  o->accumulate = o->accumulate ? o->accumulate : 1;
  if (!o->labels) o->labels = "labels";
  if (o->epochs < 1 || o->batch < 1 || o->accumulate < 1)
    return refuse(t, "epochs, batch and accumulate are at least 1");
  if (o->batch > INT64_MAX / o->accumulate) return refuse(t, "batch and accumulate are too large");
  if (!o->inputs && o->input_count) return refuse(t, "there are no inputs");
  if (!o->validation && o->validation_count) return refuse(t, "there are no inputs for validation");
  if (o->warmup < 0 || o->freeze_bn_after < 0 || o->stop_observers_after < 0)
    return refuse(t, "a number of steps is negative");
  switch (o->schedule) {
  case GRAFT_SCHEDULE_CONSTANT: return GRAFT_OK;
  case GRAFT_SCHEDULE_STEP:
    if (o->schedule_epochs < 1) return refuse(t, "the schedule has no number of epochs after which the rate changes");
    return o->schedule_factor > 0 && o->schedule_factor < INFINITY ? GRAFT_OK
                                                                   : refuse(t, "the schedule's factor is above 0");
  case GRAFT_SCHEDULE_COSINE:
    return o->schedule_least >= 0 && o->schedule_least < INFINITY
               ? GRAFT_OK
               : refuse(t, "the schedule's least rate is at least 0");
  default: return refuse(t, "there is no such schedule");
  }
}

static graft_status take_session_options(trainer *t) {
  graft_session_options *o = &t->session_options;
  graft_status s = gr_take_options(t->context, o, sizeof *o, t->o.session);
  o->size = sizeof *o;
  o->after_node = NULL;
  o->after_node_times = o->after_node_inside = o->writes_values = o->keep_state = false;
  o->context = NULL;
  o->input_types = NULL;
  return s;
}

/* Of validation: the number of rows that the first graph wants, where it says one. */
static void find_validation_rows(trainer *t) {
  for (uint32_t i = 0; i < graft_input_count(t->first) && !t->validation_rows; i++) {
    const graft_type type = graft_value_get_type(t->first, graft_input_get(t->first, i));
    if (type.rank > 0 && type.dims[0] > 0) t->validation_rows = type.dims[0];
  }
}

/* An output `loss`, or the value that is the loss of `train`. */
static uint32_t find_validation_loss(const trainer *t) {
  char name[512], other[512];
  uint32_t at = output_of(t->first, "loss");
  graft_value_name(t->train, graft_output_get(t->train, t->loss_at), name, sizeof name);
  for (uint32_t i = 0; i < graft_output_count(t->first) && at == GRAFT_NONE; i++) {
    graft_value_name(t->first, graft_output_get(t->first, i), other, sizeof other);
    if (strcmp(name, other) == 0) at = i;
  }
  return at != GRAFT_NONE && is_number(t->first, at) ? at : GRAFT_NONE;
}

/* Rows that no step takes, and those that the first graph cannot. */
static void say_left_out(const trainer *t) {
  const graft_train_options *o = &t->o;
  const int64_t step = o->batch * o->accumulate, rest = t->data.rows % step;
  const int64_t over = t->validation_rows ? t->validation.rows % t->validation_rows : 0;
  if (rest)
    gr_warning(t->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.node = t->data.columns[0].from.name},
               "an epoch is %" PRId64 " steps of %" PRId64 " of the %" PRId64 " rows: %" PRId64 " are left out%s",
               t->steps_of_epoch, step, t->data.rows, rest, o->shuffle ? ", others in each epoch" : ", the last ones");
  if (over)
    gr_warning(t->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.node = t->validation.columns[0].from.name},
               "validation: the graph '%s' takes %" PRId64 " rows at once, the last %" PRId64 " of %" PRId64
               " are left out",
               graft_graph_get_name(t->first), t->validation_rows, over, t->validation.rows);
}

static graft_status begin(trainer *t) {
  graft_train_options *o = &t->o;
  const bool named = o->labels;
  graft_status s = check_options(t);
  if (!s) s = take_session_options(t);
  if (!s) s = find_graphs(t);
  if (!s) s = gr_table_begin(&t->data, t->train, o->inputs, o->input_count, o->labels, o->batch);
  if (!s && named && t->data.labels == GRAFT_NONE)
    s = gr_error(t->context, GRAFT_NAME, (gr_loc){.node = o->labels}, "no input of this name has the labels");
  if (!s && o->validation_count) {
    find_validation_rows(t);
    s = gr_table_begin(&t->validation, t->first, o->validation, o->validation_count, o->labels,
                       t->validation_rows ? t->validation_rows : o->batch);
  }
  if (s) return s;
  t->steps_of_epoch = t->data.rows / (o->batch * o->accumulate);
  if (!t->steps_of_epoch)
    return gr_error(t->context, GRAFT_INVALID_ARGUMENT,
                    (gr_loc){.node = t->data.count ? t->data.columns[0].from.name : NULL},
                    "%" PRId64 " rows of data, but a step takes %" PRId64, t->data.rows, o->batch * o->accumulate);
  if (o->epochs > INT64_MAX / t->steps_of_epoch) return refuse(t, "so many epochs cannot be counted");
  t->state.size = sizeof t->state;
  t->state.epochs = o->epochs;
  t->state.steps = o->epochs * t->steps_of_epoch;
  s = find_start(t);
  if (!s && o->schedule == GRAFT_SCHEDULE_COSINE && o->warmup >= t->state.steps)
    s = refuse(t, "the warm-up leaves no steps for the schedule");
  t->validation_loss_at = find_validation_loss(t);
  if (!s && o->validation_count && t->validation_loss_at == GRAFT_NONE)
    s = gr_score_begin(&t->score, t->train, t->first, graft_output_get(t->train, t->loss_at), &t->validation);
  if (!s) s = forget_parts(t);
  if (!s) say_left_out(t);
  return s;
}

static graft_status train(trainer *t) {
  bool frozen = false, stopped = false;
  graft_status s = begin(t);
  t->began = now();
  while (!s && t->state.step < t->state.steps) {
    s = run_due(t, t->o.freeze_bn_after, &frozen, "freeze-bn");
    if (!s) s = run_due(t, t->o.stop_observers_after, &stopped, "disable-observers{graph=train}");
    if (!s) s = take_step(t);
  }
  end_sessions(t);
  gr_score_end(&t->score);
  gr_table_end(&t->data);
  gr_table_end(&t->validation);
  return s;
}

graft_status graft_train(graft_module *m, const graft_train_options *options) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  trainer t = {.m = m, .context = m->context};
  const uint32_t errors = gr_error_count(t.context);
  if (!options) return refuse(&t, "training needs options: epochs, batch, inputs");
  graft_status s = gr_take_options(t.context, &t.o, sizeof t.o, options);
  if (!s) s = train(&t);
  return gr_outcome(t.context, errors, s);
}

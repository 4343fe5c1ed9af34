/* See training.h. */
#include "tools/training.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
#include "runtime/runtime.h"
#include "tools/guard.h"
#include "tools/progress.h"

/* ---- the command line ---- */

/* ",NUMBER" behind what was read; false: something else. */
static bool take_number(const char **at, double *value) {
  char *end;
  if (**at != ',') return false;
  *value = strtod(*at + 1, &end);
  const bool ok = end != *at + 1 && (*end == ',' || !*end) && isfinite(*value);
  *at = end;
  return ok;
}

bool training_schedule(training_options *o, const cli_command *command, const char *text) {
  const size_t length = strcspn(text, ",");
  const char *at = text + length;
  double epochs = 1;
  bool ok = false;
  if (length == 8 && memcmp(text, "constant", 8) == 0) {
    o->train.schedule = GRAFT_SCHEDULE_CONSTANT;
    ok = true;
  } else if (length == 4 && memcmp(text, "step", 4) == 0) {
    o->train.schedule = GRAFT_SCHEDULE_STEP;
    o->train.schedule_factor = 0.1;
    ok = take_number(&at, &epochs) && epochs >= 1 && epochs <= INT32_MAX && epochs == floor(epochs);
    o->train.schedule_epochs = ok ? (int64_t)epochs : 0;
    ok = ok && (!*at || (take_number(&at, &o->train.schedule_factor) && o->train.schedule_factor > 0));
  } else if (length == 6 && memcmp(text, "cosine", 6) == 0) {
    o->train.schedule = GRAFT_SCHEDULE_COSINE;
    ok = !*at || (take_number(&at, &o->train.schedule_least) && o->train.schedule_least >= 0);
  }
  if (ok && !*at) return true;
  cli_usage_error(command, "--schedule takes constant, step,EPOCHS[,FACTOR] or cosine[,LEAST], not '%s'", text);
  return false;
}

int training_check(const training_options *o, const cli_command *command, const feeds *inputs) {
  if (!o->train.epochs) return o->any ? cli_usage_error(command, "options of training need --epochs") : -1;
  if (!inputs->batch) return cli_usage_error(command, "--epochs needs --batch: the rows of a step");
  if (inputs->random) return cli_usage_error(command, "--epochs takes files, not --random");
  if (!inputs->count) return cli_usage_error(command, "--epochs needs --input");
  for (uint32_t i = 0; i < inputs->count; i++)
    if (inputs->items[i].files.count != 1)
      return cli_usage_error(command, "--input %s: training takes one file, whose rows are cut into steps",
                             inputs->items[i].name);
  for (uint32_t i = 0; i < o->validation.count; i++) {
    const char *equals = strchr(o->validation.items[i], '=');
    if (!equals || equals == o->validation.items[i] || !equals[1])
      return cli_usage_error(command, "--validate takes NAME=A.npy, not '%s'", o->validation.items[i]);
  }
  if (o->validation_labels && !o->validation.count)
    return cli_usage_error(command, "--validate-labels is of --validate");
  if (o->log && o->checkpoint && strcmp(o->log, o->checkpoint) == 0)
    return cli_usage_error(command, "--log and --checkpoint are one file: '%s'", o->log);
  return -1;
}

/* ---- data ---- */

typedef struct files {
  graft_context *context;
  graft_train_input *inputs;
  gr_buffer **buffers;
  char **names; /* owned */
  uint32_t count;
} files;

static bool files_begin(files *f, graft_context *context, uint32_t room) {
  *f = (files){.context = context,
               .inputs = calloc(room, sizeof *f->inputs),
               .buffers = calloc(room, sizeof(gr_buffer *)),
               .names = calloc(room, sizeof(char *))};
  return f->inputs && f->buffers && f->names;
}

static bool files_add(files *f, const char *name, size_t length, const char *path) {
  graft_train_input *in = &f->inputs[f->count];
  in->size = sizeof *in;
  in->name = f->names[f->count] = strndup(name, length);
  if (!in->name) return cli_fail(path, "out of memory") == EXIT_DONE;
  f->count++;
  return gr_npy_map(f->context, path, &in->type, &f->buffers[f->count - 1], &in->data) == GRAFT_OK;
}

static void files_end(files *f) {
  for (uint32_t i = 0; i < f->count; i++) {
    if (f->buffers[i]) gr_buffer_release(f->context, f->buffers[i]);
    free(f->names[i]);
  }
  free(f->inputs);
  free(f->buffers);
  free(f->names);
}

/* ---- what is told ---- */

typedef struct teller {
  const training_options *o;
  graft_module *m;
  FILE *log;
  progress progress;
  bool ok, stopped;
} teller;

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...) {
  const size_t used = strlen(text);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text + used, size - used, format, args);
  va_end(args);
}

static void append_pace(const graft_train_state *s, char *text, size_t size) {
  if (!(s->seconds > 0)) return;
  append(text, size, ", %.3g samples/s", (double)s->rows / s->seconds);
  if (s->step == s->steps) return;
  char left[32];
  progress_duration(s->seconds / (double)s->taken * (double)(s->steps - s->step), left, sizeof left);
  append(text, size, ", %s left", left);
}

static void show(teller *t, const graft_train_state *s) {
  char text[300] = "";
  const double accuracy = s->epoch_ended ? s->epoch_accuracy : s->accuracy;
  append(text, sizeof text, "epoch %" PRId64 " of %" PRId64 ", step %" PRId64 " of %" PRId64 ": loss %.5g", s->epoch,
         s->epochs, s->step, s->steps, s->epoch_ended ? s->epoch_loss : s->loss);
  if (!isnan(accuracy)) append(text, sizeof text, ", accuracy %.2f%%", 100 * accuracy);
  if (s->validated && !isnan(s->validation_loss))
    append(text, sizeof text, ", validation loss %.5g", s->validation_loss);
  if (s->validated && !isnan(s->validation_accuracy))
    append(text, sizeof text, ", validation %.2f%% (%.0f of %" PRId64 ")", 100 * s->validation_accuracy,
           s->validation_accuracy * (double)s->validated, s->validated);
  append_pace(s, text, sizeof text);
  if (!s->epoch_ended) {
    progress_text(&t->progress, text);
    return;
  }
  progress_end(&t->progress);
  cli_say("%s", text);
}

/* What is not known is left empty. */
static void log_number(FILE *log, double x) { isnan(x) ? fputs(",", log) : fprintf(log, ",%.9g", x); }

static bool write_log(teller *t, const graft_train_state *s) {
  if (!t->log) return true;
  fprintf(t->log, "%" PRId64 ",%" PRId64, s->step, s->epoch);
  const double numbers[] = {s->loss, s->accuracy, s->rate, s->validation_loss, s->validation_accuracy};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) log_number(t->log, numbers[i]);
  const int64_t steps = s->steps / s->epochs; /* of an epoch */
  fprintf(t->log, ",%" PRId64 "\n", ((s->step - 1) % steps + 1) * (s->rows / s->taken));
  return fflush(t->log) == 0 || cli_fail(t->o->log, "cannot write: %s", strerror(errno)) == EXIT_DONE;
}

static graft_status after_step(void *user, const graft_train_state *s) {
  teller *t = user;
  const graft_save_options save = {.size = sizeof save};
  const bool stops = t->o->checkpoint && guard_interrupted();
  if (s->taken == 1) { /* what is warned of is known now */
    cli_print_diagnostics(graft_module_get_context(t->m), t->o->module);
    graft_diagnostics_clear(graft_module_get_context(t->m));
  }
  show(t, s);
  t->ok =
      write_log(t, s) && (!t->o->checkpoint || !(s->epoch_ended || stops) || cli_save(t->m, t->o->checkpoint, &save));
  if (t->ok && !stops) return GRAFT_OK;
  progress_end(&t->progress);
  if (t->ok) cli_say("interrupted behind step %" PRId64 ": %s has it all, --resume goes on", s->step, t->o->checkpoint);
  t->stopped = t->ok;
  return GRAFT_CANCELLED;
}

/* One that is resumed goes on. */
static bool open_log(teller *t) {
  static const char head[] = "step,epoch,loss,accuracy,rate,validation_loss,validation_accuracy,rows\n";
  if (!t->o->log) return true;
  t->log = fopen(t->o->log, t->o->train.resume ? "a" : "w");
  if (t->log && fseek(t->log, 0, SEEK_END) == 0 && ftell(t->log) == 0) fputs(head, t->log);
  return t->log || cli_fail(t->o->log, "cannot write: %s", strerror(errno)) == EXIT_DONE;
}

/* ---- all of it ---- */

static bool read_files(const training_options *o, graft_module *m, const feeds *inputs, const char *labels,
                       files *training, files *validation) {
  graft_context *c = graft_module_get_context(m);
  bool ok = files_begin(training, c, inputs->count + 1) && files_begin(validation, c, o->validation.count + 1);
  if (!ok) return cli_fail("ir-run", "out of memory") == EXIT_DONE;
  for (uint32_t i = 0; i < inputs->count && ok; i++)
    ok = files_add(training, inputs->items[i].name, strlen(inputs->items[i].name), inputs->items[i].files.items[0]);
  if (ok && labels) ok = files_add(training, "labels", 6, labels);
  for (uint32_t i = 0; i < o->validation.count && ok; i++) {
    const char *item = o->validation.items[i], *equals = strchr(item, '=');
    ok = files_add(validation, item, (size_t)(equals - item), equals + 1);
  }
  if (ok && o->validation_labels) ok = files_add(validation, "labels", 6, o->validation_labels);
  return ok;
}

bool training_run(training_options *o, graft_module *m, const feeds *inputs, const char *labels,
                  const graft_session_options *session) {
  teller t = {.o = o, .m = m, .ok = true};
  files training, validation = {0};
  graft_train_options train = o->train;
  bool ok = read_files(o, m, inputs, labels, &training, &validation) && open_log(&t);
  train.size = sizeof train;
  train.inputs = training.inputs;
  train.input_count = training.count;
  train.validation = validation.inputs;
  train.validation_count = validation.count;
  train.batch = inputs->batch;
  train.session = session;
  train.after_step = after_step;
  train.after_step_user = &t;
  if (o->checkpoint) guard_defer();
  progress_begin(&t.progress, "steps");
  ok = ok && graft_train(m, &train) == GRAFT_OK;
  progress_end(&t.progress);
  if (t.stopped) graft_diagnostics_clear(graft_module_get_context(m)); /* it is said already */
  if (t.log && fclose(t.log) != 0) ok = cli_fail(o->log, "cannot write: %s", strerror(errno)) == EXIT_DONE;
  files_end(&validation);
  files_end(&training);
  return ok && t.ok;
}

void training_free(training_options *o) { cli_list_free(&o->validation); }

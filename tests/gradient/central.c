/* Gradients against central differences, in f64. usage: central FILE...
 *
 * A file holds cases, each headed by `---- what it is`: lines `let $name = …`, then a module in the text format whose
 * parameters are what is differentiated. Of `let` a value is drawn: one of `2..5`, or one of the alternatives of
 * `1 | $n | _`; `$name` stands for it from there on. So each case is a family of instances: it is drawn DRAWS times,
 * from a fixed seed, and its fills are other ones each time.
 *
 * The loss is the sum of all float results, each element times a number of its own. Where a parameter lies near a kink
 * or a tie, which shows as two one-sided differences that are not alike, the instance is drawn again. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/edit.h"
#include "ir/ir.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

enum { DRAWS = 6, AGAIN = 40, MOST_ELEMENTS = 48, NAMES = 24, TEXT = 1 << 14 };
static const double step = 1e-5, near = 1e-3, tolerance = 1e-6;

/* ---- drawing ---- */

static uint64_t state;
static uint64_t draw(uint64_t below) { /* splitmix64 */
  uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return (z ^ z >> 31) % below;
}

typedef struct drawn {
  char name[16], value[128];
} drawn;
static drawn names[NAMES];
static int name_count;

/* `from` with what the names stand for, and every fill with a seed of this draw. */
static void substitute(const char *from, size_t length, char *to, size_t size, int number) {
  size_t used = 0;
  for (size_t i = 0; i < length && used + 160 < size;) {
    if (strncmp(from + i, "fill(\"", 6) == 0) {
      used += (size_t)snprintf(to + used, size - used, "fill(\"%d.", number);
      i += 6;
      continue;
    }
    if (from[i] != '$') {
      to[used++] = from[i++];
      continue;
    }
    size_t n = 1;
    while (i + n < length && (isalnum((unsigned char)from[i + n]) || from[i + n] == '_')) n++;
    const char *value = NULL;
    for (int k = 0; k < name_count; k++)
      if (strlen(names[k].name) == n && strncmp(names[k].name, from + i, n) == 0) value = names[k].value;
    if (!value) {
      fprintf(stderr, "no value for %.*s\n", (int)n, from + i);
      exit(2);
    }
    used += (size_t)snprintf(to + used, size - used, "%s", value);
    i += n;
  }
  to[used] = '\0';
}

/* `let $name = a | b | 2..5` */
static void let(const char *line, size_t length) {
  drawn *d = &names[name_count++];
  char text[512];
  int n = 0;
  substitute(strchr(line, '=') + 1, length - (size_t)(strchr(line, '=') + 1 - line), text, sizeof text, 0);
  if (name_count == NAMES || sscanf(line, "let %15s = %n", d->name, &n) != 1) exit(2);
  char *parts[16], *rest = text;
  int count = 0;
  for (char *part; (part = strsep(&rest, "|")) && count < 16;) parts[count++] = part;
  char *chosen = parts[draw((uint64_t)count)];
  while (*chosen == ' ') chosen++;
  size_t end = strlen(chosen);
  while (end && chosen[end - 1] == ' ') chosen[--end] = '\0';
  int low, high;
  if (sscanf(chosen, "%d..%d%n", &low, &high, &n) == 2 && !chosen[n])
    snprintf(d->value, sizeof d->value, "%d", low + (int)draw((uint64_t)(high - low + 1)));
  else
    snprintf(d->value, sizeof d->value, "%s", chosen);
}

/* ---- one instance ---- */

typedef struct instance {
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  graft_session *session;
} instance;

static void say(const instance *x, const char *text) {
  for (uint32_t i = 0; i < graft_diagnostic_count(x->context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(x->context, i);
    char line[1024];
    graft_diagnostic_format(&d, line, sizeof line);
    printf("  %s\n", line);
  }
  printf("%s\n", text);
}

/* sum(y * c) of every float output, c a number for each element. */
static bool add_loss(instance *x) {
  graft_value loss = GRAFT_NONE;
  const uint32_t outputs = graft_output_count(x->graph);
  for (uint32_t i = 0; i < outputs; i++) {
    graft_value y = graft_output_get(x->graph, i);
    const graft_type type = graft_value_get_type(x->graph, y);
    char name[32];
    if (type.dtype != GRAFT_F64) continue;
    snprintf(name, sizeof name, "weight_of_output_%u", i);
    const graft_tensor t = graft_tensor_fill(x->module, name, GRAFT_CONSTANT, &type, -1.0, 1.0);
    const graft_value c[] = {y, graft_tensor_value(x->graph, t)};
    y = graft_build(x->graph, "mul", c, 2, NULL, 0);
    y = graft_build(x->graph, "sum", &y, 1, NULL, 0);
    const graft_value both[] = {loss, y};
    loss = loss == GRAFT_NONE ? y : graft_build(x->graph, "add", both, 2, NULL, 0);
  }
  while (graft_output_count(x->graph)) graft_output_remove(x->graph, 0);
  return loss != GRAFT_NONE && graft_value_rename(x->graph, loss, "the_loss") == GRAFT_OK &&
         graft_output_add(x->graph, "the_loss", loss) == GRAFT_OK;
}

static void end(instance *x) {
  graft_session_destroy(x->session);
  graft_module_destroy(x->module);
  graft_context_destroy(x->context);
}

static bool begin(instance *x, const char *text) {
  *x = (instance){.context = graft_context_create(NULL)};
  x->module = graft_module_load_memory(x->context, text, strlen(text), "case", NULL);
  if (!x->module) return false;
  x->graph = graft_module_get_graph(x->module, 0);
  const graft_pass_options options = {.size = sizeof options, .verify_each = true};
  if (!add_loss(x) || graft_run_passes(x->module, "gradient{of=the_loss}", &options)) return false;
  graft_session_options how = {.size = sizeof how, .keep_state = true, .seed = 7};
  x->session = graft_session_create(x->graph, &how);
  return x->session && graft_session_run(x->session) == GRAFT_OK;
}

/* The loss with another element of the parameter. */
static bool loss_at(instance *x, graft_tensor t, double *data, int64_t i, double value, double *loss) {
  const double before = data[i];
  data[i] = value;
  bool ok = graft_tensor_set_data(x->module, t, data) == GRAFT_OK && graft_session_run(x->session) == GRAFT_OK;
  if (ok) *loss = *(const double *)graft_session_get_output(x->session, 0, NULL);
  data[i] = before;
  return ok;
}

typedef enum verdict { RIGHT, WRONG, AT_A_KINK, FAILED } verdict;

static verdict check_element(instance *x, graft_tensor t, double *data, int64_t i, double analytic, char *why) {
  double here, up, down, far_up, far_down;
  if (!loss_at(x, t, data, i, data[i], &here) || !loss_at(x, t, data, i, data[i] + step, &up) ||
      !loss_at(x, t, data, i, data[i] - step, &down) || !loss_at(x, t, data, i, data[i] + near, &far_up) ||
      !loss_at(x, t, data, i, data[i] - near, &far_down))
    return FAILED;
  const double numeric = (up - down) / (2 * step);
  const double right = (far_up - here) / near, left = (here - far_down) / near;
  const double size = fmax(fmax(fabs(analytic), fabs(numeric)), 1.0);
  if (fabs(analytic - numeric) <= tolerance * size) return RIGHT;
  if (fabs(right - left) > 0.02 * size) return AT_A_KINK;
  char name[128];
  graft_tensor_name(x->module, t, name, sizeof name);
  sprintf(why, "d/d%s[%lld] is %.12g, central differences give %.12g", name, (long long)i, analytic, numeric);
  return WRONG;
}

static verdict check_parameter(instance *x, uint32_t output, char *why) {
  char name[256];
  snprintf(name, sizeof name, "%s", graft_output_name(x->graph, output));
  name[strlen(name) - strlen(".grad")] = '\0';
  const graft_tensor t = graft_tensor_find(x->module, name);
  graft_type type, is = graft_tensor_get_type(x->module, t);
  graft_session_run(x->session);
  const double *gradient = graft_session_get_output(x->session, output, &type);
  const int64_t count = graft_type_elements(&is);
  if (!gradient || graft_type_elements(&type) != count || type.rank != is.rank || type.dtype != GRAFT_F64) {
    sprintf(why, "the gradient of %s has another type than it", name);
    return WRONG;
  }
  double *data = malloc((size_t)(count + 1) * sizeof *data), *of = malloc((size_t)(count + 1) * sizeof *of);
  memcpy(data, graft_tensor_get_data(x->module, t), (size_t)count * sizeof *data);
  memcpy(of, gradient, (size_t)count * sizeof *of);
  verdict v = RIGHT;
  const int64_t stride = count / MOST_ELEMENTS + 1;
  for (int64_t i = stride > 1 ? (int64_t)draw((uint64_t)stride) : 0; i < count && v == RIGHT; i += stride)
    v = check_element(x, t, data, i, of[i], why);
  graft_tensor_set_data(x->module, t, data);
  free(data);
  free(of);
  return v;
}

static verdict check_instance(const char *text, char *why) {
  instance x;
  verdict v = begin(&x, text) ? RIGHT : FAILED;
  for (uint32_t i = 1; v == RIGHT && i < graft_output_count(x.graph); i++) v = check_parameter(&x, i, why);
  if (v == FAILED) say(&x, "cannot be made or run");
  end(&x);
  return v;
}

/* ---- a file ---- */

static bool check_case(const char *path, const char *title, const char *text, const char *stop) {
  static char module[TEXT];
  int checked = 0, number = 0;
  state = 1;
  for (; checked < DRAWS && number < AGAIN; number++) {
    const char *at = text;
    name_count = 0;
    while (at < stop && (strncmp(at, "let ", 4) == 0 || *at == '#' || *at == '\n')) {
      const size_t length = strcspn(at, "\n");
      if (*at == 'l') let(at, length);
      at += length + 1;
    }
    substitute(at, (size_t)(stop - at), module, sizeof module, number);
    char why[512] = "";
    const verdict v = check_instance(module, why);
    if (v == RIGHT) checked++;
    if (v == RIGHT || v == AT_A_KINK) continue;
    printf("FAIL %s: %s: draw %d: %s\n%s\n", path, title, number, why, module);
    return false;
  }
  if (checked == DRAWS) return true;
  printf("FAIL %s: %s: only %d of %d draws lie away from kinks\n", path, title, checked, number);
  return false;
}

static bool check_file(const char *path, int *cases) {
  FILE *f = fopen(path, "rb");
  char *text = calloc(1, 1 << 20);
  if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0) exit(2);
  fclose(f);
  bool ok = true;
  const char *only = getenv("ONLY");
  for (char *at = strstr(text, "---- "), *next; at; at = next) {
    char *line = at + 5 + strcspn(at + 5, "\n");
    next = strstr(line, "\n---- ");
    if (next) next++;
    *line = '\0';
    if (only && !strstr(at + 5, only)) continue;
    ok &= check_case(path, at + 5, line + 1, next ? next : line + 1 + strlen(line + 1));
    ++*cases;
  }
  free(text);
  return ok;
}

int main(int argc, char **argv) {
  bool ok = true;
  int cases = 0;
  for (int i = 1; i < argc; i++) ok &= check_file(argv[i], &cases);
  printf("%d cases, %d instances each: %s\n", cases, DRAWS, ok ? "right" : "not all are right");
  return ok && cases ? 0 : 1;
}

/* Golden tests of passes. usage: run_passes FILE-OR-FOLDER... [with BLESS=1: rewrites what is expected]
 *
 * A file is a pipeline, an input and the expected output, compared exactly:
 *
 *     # what it shows
 *     # passes: canonicalize,dce
 *     # tolerance: 1e-5
 *     graft 1
 *     graph main(…) { … }
 *     # ---- expected
 *     graft 1
 *     …
 *
 * Further lines of the head:
 *
 *     # tolerance: X: outputs before and after, on fill inputs, differ at most by this share of the largest
 *     # steps: N: of such a run (1)
 *     # error: TEXT: the passes fail, and a diagnostic holds the text
 *     # warning: TEXT: they succeed, and a diagnostic holds the text
 *
 * With an error there is no expected part. Lines that begin with `#|` are a file of rules, or
 * where the first begins with `quantizer` a quantizer, beside those that ship. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ir/ir_int.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

static const char separator[] = "# ---- expected\n";

typedef struct golden {
  const char *path;
  char *text;
  size_t input_size;
  const char *expected; /* NULL: none in the file */
  char passes[1024], error[512], warning[512];
  double tolerance; /* < 0: do not run */
  int steps;
} golden;

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  size_t room = 1 << 20, used = 0;
  char *text = malloc(room + 1);
  while (text && (used += fread(text + used, 1, room - used, f)) == room) {
    char *more = realloc(text, 2 * room + 1);
    if (!more) free(text);
    text = more;
    room *= 2;
  }
  fclose(f);
  if (text) text[used] = '\0';
  return text;
}

static bool header(const char *line, const char *key, char *out, size_t size) {
  size_t n = strlen(key);
  if (strncmp(line, key, n) != 0) return false;
  size_t length = strcspn(line + n, "\n");
  snprintf(out, size, "%.*s", (int)length, line + n);
  return true;
}

static bool parse(golden *t) {
  t->tolerance = -1;
  t->steps = 1;
  char number[64];
  for (const char *line = t->text; *line == '#'; line += strcspn(line, "\n") + 1) {
    if (header(line, "# passes: ", t->passes, sizeof t->passes) ||
        header(line, "# error: ", t->error, sizeof t->error) ||
        header(line, "# warning: ", t->warning, sizeof t->warning))
      continue;
    if (header(line, "# tolerance: ", number, sizeof number))
      t->tolerance = strtod(number, NULL);
    else if (header(line, "# steps: ", number, sizeof number))
      t->steps = (int)strtol(number, NULL, 10);
    if (!line[strcspn(line, "\n")]) break;
  }
  char *at = strstr(t->text, separator);
  t->input_size = at ? (size_t)(at - t->text) : strlen(t->text);
  t->expected = at ? at + sizeof separator - 1 : NULL;
  return t->passes[0] != '\0';
}

static void complain(const golden *t, const char *why) { printf("FAIL %s: %s\n", t->path, why); }

static void print_diagnostics(const graft_context *c) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    char text[1024];
    graft_diagnostic d = graft_diagnostic_get(c, i);
    graft_diagnostic_format(&d, text, sizeof text);
    printf("     %s\n", text);
  }
}

static bool is_said(const graft_context *c, graft_severity severity, const char *text) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    graft_diagnostic d = graft_diagnostic_get(c, i);
    char line[1024];
    graft_diagnostic_format(&d, line, sizeof line);
    if (d.severity == severity && strstr(line, text)) return true;
  }
  return false;
}

/* ---- before and after in the interpreter ---- */

typedef struct outputs {
  float *data;
  size_t count;
} outputs;

enum { MAX_INPUTS = 8 };

static bool set_inputs(graft_session *s, graft_graph *g, int step, float **buffers) {
  if (graft_input_count(g) > MAX_INPUTS) return false;
  for (uint32_t i = 0; i < graft_input_count(g); i++) {
    graft_type type = graft_value_get_type(g, graft_input_get(g, i));
    for (int32_t d = 0; d < type.rank; d++)
      if (type.dims[d] < 0) type.dims[d] = 2;
    int64_t count = graft_type_elements(&type);
    if (type.dtype != GRAFT_F32 || count < 0) return false;
    float *data = realloc(buffers[i], (size_t)count * sizeof *data + 1);
    if (!data) return false;
    buffers[i] = data;
    char name[64];
    snprintf(name, sizeof name, "input.%u.%d", i, step);
    for (int64_t k = 0; k < count; k++) data[k] = graft_fill_element(name, (uint64_t)k, -1.5, 2.0);
    if (graft_session_set_input(s, i, &type, data) != GRAFT_OK) return false;
  }
  return true;
}

static bool append(outputs *o, const graft_type *type, const void *data) {
  int64_t count = graft_type_elements(type);
  if (!data || type->dtype != GRAFT_F32) return false;
  float *all = realloc(o->data, (o->count + (size_t)count) * sizeof *all + 1);
  if (!all) return false;
  memcpy(all + o->count, data, (size_t)count * sizeof *all);
  o->data = all;
  o->count += (size_t)count;
  return true;
}

static bool run_module(const golden *t, graft_module *m, outputs *o) {
  graft_graph *g = graft_module_get_graph(m, 0);
  graft_session *s = graft_session_create(g, NULL);
  float *buffers[MAX_INPUTS] = {NULL}; /* borrowed by the session */
  bool ok = s != NULL;
  for (int step = 0; ok && step < t->steps; step++) {
    ok = set_inputs(s, g, step, buffers) && graft_session_run(s) == GRAFT_OK;
    for (uint32_t i = 0; ok && i < graft_output_count(g); i++) {
      graft_type type;
      const void *data = graft_session_get_output(s, i, &type);
      ok = append(o, &type, data);
    }
  }
  graft_session_destroy(s);
  for (int i = 0; i < MAX_INPUTS; i++) free(buffers[i]);
  return ok;
}

static bool close_enough(const golden *t, const outputs *a, const outputs *b) {
  double top = 0, worst = 0;
  if (a->count != b->count) return complain(t, "another number of results after the passes"), false;
  for (size_t i = 0; i < a->count; i++) {
    top = fmax(top, fabs((double)a->data[i]));
    double d = fabs((double)a->data[i] - (double)b->data[i]);
    if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
  }
  if (worst <= t->tolerance * (top > 0 ? top : 1)) return true;
  printf("FAIL %s: outputs differ by %g before and after; the largest is %g\n", t->path, worst, top);
  return false;
}

/* ---- one file ---- */

static bool bless(const golden *t, const char *text, size_t size) {
  FILE *f = fopen(t->path, "wb");
  if (!f) return false;
  fwrite(t->text, 1, t->input_size, f);
  fwrite(separator, 1, sizeof separator - 1, f);
  fwrite(text, 1, size, f);
  return fclose(f) == 0;
}

static bool compare(const golden *t, graft_module *m) {
  char *text;
  size_t size;
  if (graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size)) return complain(t, "cannot be printed"), false;
  bool same = t->expected && strlen(t->expected) == size && memcmp(t->expected, text, size) == 0;
  if (!same && getenv("BLESS")) same = bless(t, text, size);
  if (!same) {
    complain(t, "other output than expected; it is");
    printf("%.*s", (int)size, text);
  }
  graft_free(graft_module_get_context(m), text, size);
  return same;
}

/* The rules in the file's `#|` lines, as a file of their own; false: there are none. */
static bool write_rules(const golden *t, char *path) {
  int fd = strstr(t->text, "#|") ? mkstemp(path) : -1;
  FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
  if (!f) return false;
  for (const char *p = t->text; p < t->text + t->input_size;) {
    size_t length = strcspn(p, "\n");
    if (length >= 2 && p[0] == '#' && p[1] == '|') fprintf(f, "%.*s\n", (int)length - 2, p + 2);
    p += length + (p[length] == '\n');
  }
  return fclose(f) == 0;
}

static bool check_passes(const golden *t, graft_context *c, graft_module *m, const outputs *before) {
  char rules[] = "/tmp/graft-rules-XXXXXX";
  const char *files[] = {rules};
  bool has_rules = write_rules(t, rules);
  graft_pass_options options = {.size = sizeof options, .verify_each = true};
  bool quantizer = strstr(t->text, "#|quantizer ") != NULL;
  options.pattern_files = options.quantizer_files = files;
  options.pattern_file_count = has_rules && !quantizer;
  options.quantizer_file_count = has_rules && quantizer;
  graft_status s = graft_run_passes(m, t->passes, &options);
  if (has_rules) remove(rules);
  if (t->error[0]) {
    if (s && is_said(c, GRAFT_ERROR, t->error)) return true;
    complain(t, s ? "another error" : "no error");
    return false;
  }
  if (s) return complain(t, "the passes fail"), false;
  if (t->warning[0] && !is_said(c, GRAFT_WARNING, t->warning)) return complain(t, "no such warning"), false;
  if (!compare(t, m)) return false;
  if (t->tolerance < 0) return true;
  outputs after = {0};
  bool ok = run_module(t, m, &after);
  if (!ok) complain(t, "cannot be run after the passes");
  ok = ok && close_enough(t, before, &after);
  free(after.data);
  return ok;
}

/* Loaded twice, since a run changes the state. */
static bool run_before(const golden *t, graft_context *c, outputs *o) {
  if (t->tolerance < 0) return true;
  graft_module *m = graft_module_load_memory(c, t->text, t->input_size, t->path, NULL);
  bool ok = m && run_module(t, m, o);
  if (!ok) complain(t, "cannot be run");
  graft_module_destroy(m);
  return ok;
}

static bool run_file(const char *path) {
  golden t = {.path = path, .text = read_file(path)};
  if (!t.text || !parse(&t)) {
    complain(&t, "no file with a line '# passes: …'");
    free(t.text);
    return false;
  }
  graft_context *c = graft_context_create(NULL);
  outputs before = {0};
  bool ok = run_before(&t, c, &before);
  graft_module *m = ok ? graft_module_load_memory(c, t.text, t.input_size, path, NULL) : NULL;
  if (ok && !m) complain(&t, "cannot be read");
  ok = ok && m && check_passes(&t, c, m, &before);
  if (!ok) print_diagnostics(c);
  graft_module_destroy(m);
  graft_context_destroy(c);
  free(before.data);
  free(t.text);
  return ok;
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void run_path(const char *path, int *passed, int *failed) {
  struct stat info;
  if (stat(path, &info) || !S_ISDIR(info.st_mode)) {
    ++*(run_file(path) ? passed : failed);
    return;
  }
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, compare_names);
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
    char child[2048];
    snprintf(child, sizeof child, "%s/%s", path, name);
    bool folder = stat(child, &info) == 0 && S_ISDIR(info.st_mode);
    if (name[0] != '.' && (folder || (dot && strcmp(dot, ".gir") == 0))) run_path(child, passed, failed);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

int main(int argc, char **argv) {
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; i++) run_path(argv[i], &passed, &failed);
  printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed;
}

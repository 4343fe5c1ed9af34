/* See trace.h. */
#include "tools/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/diff.h"

void trace_free(trace *t) {
  free(t->full.bytes);
  free(t->plain.bytes);
  for (uint32_t i = 0; i < t->folders.count; i++) free((char *)t->folders.items[i]);
  cli_list_free(&t->folders);
}

/* The module as text; the caller frees. */
static graft_status read_text(const trace *t, graft_module *module, bool no_provenance, trace_text *text) {
  graft_save_options options = t->print;
  char *bytes;
  size_t size;
  options.size = sizeof options;
  options.format = GRAFT_FORMAT_TEXT;
  options.no_provenance |= no_provenance;
  graft_status s = graft_module_print_with(module, &options, &bytes, &size);
  if (s) return s;
  text->bytes = malloc(size + 1);
  text->size = size;
  if (text->bytes) memcpy(text->bytes, bytes, size);
  graft_free(graft_module_get_context(module), bytes, size);
  return text->bytes ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* "# after dce (2 of 3)", "# after dce (8 of 10 in convert)" */
static void print_head(const char *when, const graft_pass_report *r, const char *more) {
  fprintf(stderr, "# %s %s (%u of %u%s%s)%s\n", when, r->name, r->number, r->of, r->in[0] ? " in " : "", r->in, more);
}

static graft_status print_module(const trace *t, graft_module *module, const char *when, const graft_pass_report *r) {
  trace_text text = {0};
  graft_status s = read_text(t, module, false, &text);
  if (s) return s;
  print_head(when, r, "");
  fwrite(text.bytes, 1, text.size, stderr);
  free(text.bytes);
  return GRAFT_OK;
}

/* ---- --print-changed ---- */

static bool equal(const trace_text *a, const trace_text *b) {
  return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The diff leaves provenance out: a record more renumbers those behind it. */
static bool print_difference(const trace *t, const graft_pass_report *r, const trace_text *full,
                             const trace_text *plain) {
  if (equal(&t->full, full)) return true;
  if (equal(&t->plain, plain)) return print_head("after", r, ": provenance alone has changed"), true;
  print_head("after", r, "");
  char name[300];
  snprintf(name, sizeof name, "after %s", r->name);
  return diff_print(stderr, &(diff_text){"before", t->plain.bytes, t->plain.size},
                    &(diff_text){name, plain->bytes, plain->size});
}

/* Keeps the text for the next pass; with a report, prints what this one changed. */
static graft_status note_changes(trace *t, graft_module *module, const graft_pass_report *r) {
  trace_text full = {0}, plain = {0};
  graft_status s = read_text(t, module, false, &full);
  if (!s) s = read_text(t, module, true, &plain);
  if (!s && r && !print_difference(t, r, &full, &plain)) s = GRAFT_NO_MEMORY;
  free(t->full.bytes);
  free(t->plain.bytes);
  t->full = full;
  t->plain = plain;
  return s;
}

/* ---- --print-tree ---- */

/* FOLDER/2_annotate.SUFFIX; the number as wide as the largest. NULL: no memory. */
static char *entry(const char *folder, uint32_t number, uint32_t of, const char *name, const char *suffix) {
  char text[300];
  int width = snprintf(NULL, 0, "%u", of);
  snprintf(text, sizeof text, "%0*u_%s", width, number, name);
  return cli_path(folder, text, suffix);
}

static const char *folder_of(const trace *t) {
  return t->folders.count ? t->folders.items[t->folders.count - 1] : t->tree;
}

static graft_status write_file(const trace *t, graft_module *module, char *path) {
  trace_text text = {0};
  graft_status s = path ? read_text(t, module, false, &text) : GRAFT_NO_MEMORY;
  FILE *f = s ? NULL : fopen(path, "wb");
  bool ok = f && fwrite(text.bytes, 1, text.size, f) == text.size;
  if (f) ok = fclose(f) == 0 && ok;
  if (!s && !ok) {
    cli_fail(path, "cannot write: %s", strerror(errno));
    s = GRAFT_IO;
  }
  free(text.bytes);
  free(path);
  return s;
}

static graft_status open_folder(trace *t, const graft_pass_report *r) {
  char *path = entry(folder_of(t), r->number, r->of, r->name, NULL);
  if (!path || !cli_list_add(&t->folders, path)) {
    free(path);
    return GRAFT_NO_MEMORY;
  }
  return cli_make_directory(path) ? GRAFT_OK : GRAFT_IO;
}

static void close_folder(trace *t) { free((char *)t->folders.items[--t->folders.count]); }

/* ---- the whole ---- */

static bool wants(const cli_list *list, uint64_t *met, const char *pass) {
  for (uint32_t i = 0; i < list->count; i++) {
    if (strcmp(list->items[i], pass) != 0) continue;
    if (i < 64) *met |= UINT64_C(1) << i;
    return true;
  }
  return false;
}

static void warn_unmet(const cli_list *list, uint64_t met, const char *option) {
  for (uint32_t i = 0; i < list->count && i < 64; i++)
    if (!(met & UINT64_C(1) << i))
      fprintf(stderr, "ir-opt: warning: %s %s: no such pass was run\n", option, list->items[i]);
}

void trace_end(const trace *t) {
  warn_unmet(&t->before, t->before_met, "--print-before");
  warn_unmet(&t->after, t->after_met, "--print-after");
}

bool trace_begin(trace *t, graft_module *module) {
  if (t->changed && note_changes(t, module, NULL) != GRAFT_OK) return false;
  return !t->tree ||
         (cli_make_directory(t->tree) && write_file(t, module, cli_path(t->tree, "0_input", "gir")) == GRAFT_OK);
}

graft_status trace_before(trace *t, graft_module *module, const graft_pass_report *r) {
  graft_status s = wants(&t->before, &t->before_met, r->name) ? print_module(t, module, "before", r) : GRAFT_OK;
  return !s && t->tree && r->pipeline ? open_folder(t, r) : s;
}

graft_status trace_after(trace *t, graft_module *module, const graft_pass_report *r) {
  bool print = wants(&t->after, &t->after_met, r->name) || (t->after_all && !r->pipeline);
  graft_status s = print ? print_module(t, module, "after", r) : GRAFT_OK;
  if (!s && t->changed && !r->pipeline) s = note_changes(t, module, r);
  if (s || !t->tree) return s;
  if (r->pipeline) return close_folder(t), GRAFT_OK;
  return write_file(t, module, entry(folder_of(t), r->number, r->of, r->name, "gir"));
}

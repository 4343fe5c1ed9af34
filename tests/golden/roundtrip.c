/* roundtrip FOLDER...: every .gir file, printed, parsed and printed again, gives the same bytes and the same hash; so
 * it does by way of .gfb. A file without comments is in the printer's own form and must be printed as it is. */
#include "ir/ir.h"
#include "list.h"

#include <jansson.h>
#include <unistd.h>

static graft_context *context;
static char directory[256];

static int fail(const char *path, const char *what) {
  printf("FAIL %s: %s\n", path, what);
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    char text[2048];
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    printf("  %s\n", text);
  }
  graft_diagnostics_clear(context);
  return 1;
}

static const char *beside(const char *name) {
  static char paths[2][300];
  static unsigned next;
  char *path = paths[next++ % 2];
  snprintf(path, sizeof paths[0], "%s/%s", directory, name);
  return path;
}

/* Saves as `name`, loads that again; NULL when something failed. */
static graft_module *through(graft_module *m, const char *name) {
  if (graft_module_save(m, beside(name), GRAFT_FORMAT_AUTO) != GRAFT_OK) return NULL;
  graft_load_options o = {.size = sizeof o, .check_hashes = true};
  return graft_module_load(context, beside(name), &o);
}

/* `other` says the same as the file a.gir that `m` was saved as. */
static int same(const char *path, graft_module *m, graft_module *other, const char *by) {
  if (!other) return fail(path, by);
  int bad = 0;
  if (graft_module_hash(other) != graft_module_hash(m)) bad = fail(path, "another structural hash");
  char *first = list_contents(beside("a.gir")), *again = NULL;
  if (!bad && graft_module_save(other, beside("a.gir"), GRAFT_FORMAT_TEXT) != GRAFT_OK)
    bad = fail(path, "cannot be saved again");
  if (!bad) again = list_contents(beside("a.gir"));
  if (!bad && (!first || !again || strcmp(first, again) != 0)) {
    bad = fail(path, by);
    printf("---- first\n%s---- again\n%s", first ? first : "", again ? again : "");
  }
  free(first);
  free(again);
  graft_module_destroy(other);
  return bad;
}

static int json_reads(const char *path, graft_module *m) {
  char *text;
  size_t size;
  if (graft_module_print(m, GRAFT_FORMAT_JSON, &text, &size) != GRAFT_OK) return fail(path, "no JSON");
  json_error_t error;
  json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  int bad = value ? 0 : fail(path, error.text);
  json_decref(value);
  graft_free(context, text, size);
  if (graft_module_print(m, GRAFT_FORMAT_DOT, &text, &size) != GRAFT_OK) return fail(path, "no DOT");
  graft_free(context, text, size);
  return bad;
}

static int check(const char *path) {
  graft_module *m = graft_module_load(context, path, NULL);
  if (!m) return fail(path, "cannot be loaded");
  char *given = list_contents(path), *printed = NULL;
  int bad = 0;
  graft_module *other = through(m, "a.gir");
  if (given && !strchr(given, '#') && !strstr(given, " file(")) {
    printed = list_contents(beside("a.gir"));
    if (!printed || strcmp(given, printed) != 0) {
      bad = fail(path, "is not as the printer writes it");
      printf("%s", printed ? printed : "");
    }
  }
  if (other && !bad)
    bad = same(path, m, other, "print, parse, print: not the same text");
  else
    graft_module_destroy(other);
  graft_module *unread = graft_module_load(context, path, NULL); /* a fill that was read is saved as bytes */
  if (!bad && unread) bad = same(path, m, through(unread, "b.gfb"), "text, .gfb, text: not the same text");
  graft_module_destroy(unread);
  if (!bad) bad = json_reads(path, m);
  free(given);
  free(printed);
  graft_module_destroy(m);
  return bad;
}

int main(int argc, char **argv) {
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/graft-roundtrip-XXXXXX", base ? base : "/tmp");
  context = graft_context_create(NULL);
  if (!context || !mkdtemp(directory)) return 1;
  int failed = 0, count = 0;
  for (int i = 1; i < argc; i++) {
    list files;
    list_read(&files, argv[i]);
    for (int k = 0; k < files.count; k++) failed += check(files.paths[k]);
    count += files.count;
    list_free(&files);
  }
  static const char *const left[] = {"a.gir", "a.safetensors", "b.gfb"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) unlink(beside(left[i]));
  if (rmdir(directory) != 0) failed += fail(directory, "a temporary file was left");
  graft_context_destroy(context);
  printf("%d of %d files fail\n", failed, count);
  return failed != 0 || count == 0;
}

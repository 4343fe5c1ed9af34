/* roundtrip FILE-OR-FOLDER-OR-MODEL...: every module, those of folders in folders too but for texts that must not load
 * (errors/), printed, parsed and printed again, gives the same bytes and the same hash; so it does by way of .gfb, and
 * the .gfb by way of the text. A .gir without comments is in the printer's own form and must be printed as it is; one
 * with an expected part (run_passes.c) is two modules. A model is a name that tests/models knows. An .onnx in a folder
 * that cannot be read is counted and left to the tests that run it. */
#include <jansson.h>
#include <stdbool.h>
#include <unistd.h>

#include "ir/ir.h"
#include "list.h"
#include "models.h"

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

/* The first .gfb, as a text, gives the same .gfb. */
static int binary_again(const char *path, graft_module *m) {
  graft_module *first = through(m, "b.gfb");
  graft_module *text = first ? through(first, "a.gir") : NULL;
  int bad = text && graft_module_save(text, beside("c.gfb"), GRAFT_FORMAT_AUTO) == GRAFT_OK ? 0 : fail(path, "no .gfb");
  if (!bad) {
    size_t size = 0, size_again = 0;
    char *bytes = list_bytes(beside("b.gfb"), &size), *again = list_bytes(beside("c.gfb"), &size_again);
    if (!bytes || !again || size != size_again || memcmp(bytes, again, size) != 0)
      bad = fail(path, ".gfb, text, .gfb: not the same bytes");
    free(bytes);
    free(again);
  }
  graft_module_destroy(first);
  graft_module_destroy(text);
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

/* Where a module comes from: a part of a text, a file, or a builder. */
typedef struct source {
  const char *path;
  const char *text; /* NULL: not a text */
  size_t size;
  bool built, found;
} source;

static int unread; /* .onnx files that were found, not named, and could not be read */

static graft_module *load(const source *s) {
  if (s->built) return graft_model_by_name(context, s->path);
  if (s->text) { /* its companion lies beside the file that the text is a part of */
    char folder[4096];
    const char *slash = strrchr(s->path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - s->path) : 1, slash ? s->path : ".");
    const graft_load_options o = {.size = sizeof o, .folder = folder};
    return graft_module_load_memory(context, s->text, s->size, s->path, &o);
  }
  return graft_module_load(context, s->path, NULL);
}

static int check(const source *s) {
  graft_module *m = load(s);
  if (!m && s->found) return unread++, 0;
  if (!m) return fail(s->path, "cannot be loaded");
  char *printed = NULL;
  int bad = 0;
  graft_module *other = through(m, "a.gir");
  if (s->text && !memchr(s->text, '#', s->size) && !strstr(s->text, " file(")) {
    printed = list_contents(beside("a.gir"));
    if (!printed || strlen(printed) != s->size || memcmp(s->text, printed, s->size) != 0) {
      bad = fail(s->path, "is not as the printer writes it");
      printf("%s", printed ? printed : "");
    }
  }
  if (other && bad)
    graft_module_destroy(other);
  else
    bad += same(s->path, m, other, "print, parse, print: not the same text");
  if (!bad) bad = same(s->path, m, through(m, "b.gfb"), "text, .gfb, text: not the same text");
  if (!bad) bad = binary_again(s->path, m);
  if (!bad) bad = json_reads(s->path, m);
  free(printed);
  graft_module_destroy(m);
  return bad;
}

static bool ends_in(const char *path, const char *extension) {
  size_t n = strlen(path), e = strlen(extension);
  return n >= e && strcmp(path + n - e, extension) == 0;
}

/* The modules of a .gir file; of one for run_passes that expects an error, none. */
static int check_text(const char *path, int *count) {
  static const char separator[] = "# ---- expected\n";
  char *text = list_contents(path);
  if (!text) return fail(path, "cannot be read");
  const char *second = strstr(text, separator);
  size_t size = strlen(text), first_size = second ? (size_t)(second - text) : size;
  int failed = check(&(source){path, text, first_size, false, false});
  ++*count;
  if (second) {
    const char *expected = second + sizeof separator - 1;
    failed += check(&(source){path, expected, size - (size_t)(expected - text), false, false});
    ++*count;
  }
  free(text);
  return failed;
}

static int check_path(const char *path, bool found, int *count) {
  if (ends_in(path, ".gir")) return check_text(path, count);
  ++*count;
  return check(&(source){path, NULL, 0, !ends_in(path, ".onnx") && !ends_in(path, ".gfb"), found});
}

static int check_folder(const char *folder, int *count) {
  static const char *const kinds[] = {".gir", ".onnx"};
  int failed = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    list files;
    list_read_kind(&files, folder, kinds[i]);
    for (int k = 0; k < files.count; k++) failed += check_path(files.paths[k], true, count);
    list_free(&files);
  }
  DIR *dir = opendir(folder);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    char path[1024];
    if (e->d_type != DT_DIR || e->d_name[0] == '.' || strcmp(e->d_name, "errors") == 0) continue;
    if (strcmp(e->d_name, "corpus") == 0) continue; /* fuzzed files, good and bad, are mutate's */
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    failed += check_folder(path, count);
  }
  if (dir) closedir(dir);
  return failed;
}

int main(int argc, char **argv) {
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/graft-roundtrip-XXXXXX", base ? base : "/tmp");
  context = graft_context_create(NULL);
  if (!context || !mkdtemp(directory)) return 1;
  int failed = 0, count = 0;
  for (int i = 1; i < argc; i++) {
    DIR *dir = opendir(argv[i]);
    failed += dir ? check_folder(argv[i], &count) : check_path(argv[i], false, &count);
    if (dir) closedir(dir);
  }
  static const char *const left[] = {"a.gir", "a.safetensors", "b.gfb", "c.gfb"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) unlink(beside(left[i]));
  if (rmdir(directory) != 0) failed += fail(directory, "a temporary file was left");
  graft_context_destroy(context);
  printf("%d of %d modules fail, %d could not be read\n", failed, count, unread);
  return failed != 0 || count - unread < 300; /* the walk went through the folders */
}

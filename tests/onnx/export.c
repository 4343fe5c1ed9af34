/* export [-o FOLDER] [--opset N] FILE-OR-FOLDER...: what goes out as ONNX comes back. Of each module (.gir and .onnx,
 * in folders too) what is written and read again has the module's hash, both canonicalized, or, where it comes back in
 * another form (of quantization, of what was lowered), it is written again as the same file, byte for byte, or, of
 * integer ops, is the same when it is lowered again.
 *
 * A module that ONNX cannot say must fail with one of the messages of export.def, which also lists the few files for
 * which neither holds, with the reason: those are the same module from the second time on. With -o the files are kept,
 * for other programs to read. */
#include <stdbool.h>
#include <sys/stat.h>

#include "passes/passes.h"
#include "tests/golden/list.h"

/* Parts of messages: what ONNX has no words for. */
static const char *const unsayable[] = {
#define UNSAYABLE(text) text,
#define DIFFERS(name, why)
#define GROWS(name, why)
#include "export.def"
#undef UNSAYABLE
#undef DIFFERS
#undef GROWS
};

/* Names of files, or of the folders of cases, that come back as another form of the same. */
static const char *const differs[] = {
    "not a file",
#define UNSAYABLE(text)
#define DIFFERS(name, why) name,
#define GROWS(name, why) name,
#include "export.def"
#undef UNSAYABLE
#undef DIFFERS
#undef GROWS
};

/* Those that are another one each time. */
static const char *const grows[] = {
    "not a file",
#define UNSAYABLE(text)
#define DIFFERS(name, why)
#define GROWS(name, why) name,
#include "export.def"
#undef UNSAYABLE
#undef DIFFERS
#undef GROWS
};

typedef struct tally {
  int failed, written, unsaid, same, again, lowered, other;
} tally;

typedef struct bytes_of {
  char *bytes;
  size_t size;
} bytes_of;

static graft_context *context;
static const char *folder;
static unsigned opset;

static void fail(tally *t, const char *path, const char *what) {
  t->failed++;
  printf("FAIL %s: %s\n", path, what);
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    char text[2048];
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    printf("  %s\n", text);
  }
}

static bool is_unsayable(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    for (size_t k = 0; k < sizeof unsayable / sizeof *unsayable; k++)
      if (d.severity == GRAFT_ERROR && strstr(d.message, unsayable[k])) return true;
  }
  return false;
}

static bool is_among(const char *path, const char *const *names, size_t count) {
  for (size_t k = 0; k < count; k++)
    if (strstr(path, names[k])) return true;
  return false;
}

static bool may_differ(const char *path) { return is_among(path, differs, sizeof differs / sizeof *differs); }
static bool may_grow(const char *path) { return is_among(path, grows, sizeof grows / sizeof *grows); }

static graft_status print(graft_module *m, char **bytes, size_t *size) {
  const graft_save_options o = {.size = sizeof o, .format = GRAFT_FORMAT_ONNX, .opset = opset};
  return graft_module_print_with(m, &o, bytes, size);
}

static bool warned_of_types(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++)
    if (strstr(graft_diagnostic_get(context, i).message, "ONNX has no such op of this type")) return true;
  return false;
}

/* The file, and in odd_types.txt beside it its name where graft said that others refuse it. */
static void keep(const char *path, const char *bytes, size_t size, unsigned part) {
  char name[512], odd[512];
  snprintf(odd, sizeof odd, "%s/odd_types.txt", folder);
  const char *end = strstr(path, "/model.onnx");
  const char *begin = end ? end : path + strlen(path);
  while (begin > path && begin[-1] != '/') begin--;
  snprintf(name, sizeof name, "%s/%.*s%.*u.onnx", folder, (int)(end ? (size_t)(end - begin) : strlen(begin)), begin,
           part ? 1 : 0, part);
  FILE *f = fopen(name, "wb");
  if (!f) return;
  fwrite(bytes, 1, size, f);
  fclose(f);
  if (!warned_of_types()) return;
  f = fopen(odd, "ab");
  if (!f) return;
  fprintf(f, "%s\n", name);
  fclose(f);
}

static graft_module *read_back(const char *path, const char *bytes, size_t size) {
  return bytes ? graft_module_load_memory(context, bytes, size, path, NULL) : NULL;
}

/* What is read from the file is written again, behind these passes. */
static bool write_again(const char *path, const bytes_of *from, const char *before, bytes_of *to) {
  char pipeline[80];
  graft_module *m = read_back(path, from->bytes, from->size);
  snprintf(pipeline, sizeof pipeline, "%sto-onnx{opset=%u}", before, opset);
  const bool good = m && graft_run_passes(m, pipeline, NULL) == GRAFT_OK && print(m, &to->bytes, &to->size) == GRAFT_OK;
  graft_module_destroy(m);
  return good;
}

static bool equal(const bytes_of *a, const bytes_of *b) {
  return a->size == b->size && a->bytes && b->bytes && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The hash of what is read, canonicalized and, behind `lower`, in integers again; 0: it cannot be had. */
static uint64_t hash_of(const char *path, const bytes_of *from, const char *passes) {
  graft_module *m = read_back(path, from->bytes, from->size);
  const uint64_t hash = m && graft_run_passes(m, passes, NULL) == GRAFT_OK ? graft_module_hash(m) : 0;
  graft_module_destroy(m);
  return hash;
}

static bool has_integer_ops(const graft_module *m) {
  for (uint32_t i = 0; i < graft_module_graph_count(m); i++) {
    const graft_graph *g = graft_module_get_graph(m, i);
    for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n))
      if (strncmp(graft_node_get_op(g, n), "quantized.", 10) == 0) return true;
  }
  return false;
}

/* Of integer ops: what is read, lowered again, is the same when it has gone out and come back once more. */
static bool comes_back_lowered(const char *path, const bytes_of *first) {
  static const char lowered[] = "canonicalize,lower";
  bytes_of again = {0};
  const uint64_t hash = hash_of(path, first, lowered);
  const bool same =
      hash && write_again(path, first, "canonicalize,lower,", &again) && hash_of(path, &again, lowered) == hash;
  graft_free(context, again.bytes, again.size);
  return same;
}

static void check_back(tally *t, const char *path, const bytes_of *first, uint64_t before, bool integers) {
  bytes_of again = {0}, once_more = {0};
  const uint64_t back = hash_of(path, first, "canonicalize");
  if (!back && may_differ(path))
    t->other++;
  else if (!back)
    fail(t, path, "what is written cannot be read");
  else if (back == before)
    t->same++;
  else if (!write_again(path, first, "", &again))
    fail(t, path, "is not written again");
  else if (equal(first, &again))
    t->again++;
  else if (integers && comes_back_lowered(path, first))
    t->lowered++;
  else if (!may_differ(path))
    fail(t, path, "comes back as another module, and is written again as another file");
  else if (may_grow(path))
    t->other++;
  else if (!write_again(path, &again, "", &once_more) ||
           hash_of(path, &again, "canonicalize") != hash_of(path, &once_more, "canonicalize"))
    fail(t, path, "is another module each time");
  else
    t->other++;
  graft_free(context, again.bytes, again.size);
  graft_free(context, once_more.bytes, once_more.size);
}

/* The module is the caller's. */
static void check(tally *t, const char *path, graft_module *m, unsigned part) {
  char pipeline[32];
  graft_diagnostics_clear(context);
  bytes_of first = {0};
  snprintf(pipeline, sizeof pipeline, "to-onnx{opset=%u}", opset);
  const bool canonical = graft_run_passes(m, "canonicalize", NULL) == GRAFT_OK;
  const uint64_t before = canonical ? graft_module_hash(m) : 0;
  const bool integers = has_integer_ops(m);
  if (!canonical || graft_run_passes(m, pipeline, NULL) != GRAFT_OK) {
    fail(t, path, "cannot be lowered");
    return;
  }
  if (print(m, &first.bytes, &first.size) != GRAFT_OK) {
    if (is_unsayable())
      t->unsaid++;
    else
      fail(t, path, "is not written");
    return;
  }
  t->written++;
  if (folder) keep(path, first.bytes, first.size, part);
  check_back(t, path, &first, before, integers);
  graft_free(context, first.bytes, first.size);
}

/* A text with an expected part is two modules; one that must not load is none. */
static void check_text(tally *t, const char *path) {
  char *text = list_contents(path);
  static const char separator[] = "# ---- expected\n";
  for (char *at = text, *next; at; at = next) {
    if ((next = strstr(at, separator))) *next = '\0', next += sizeof separator - 1;
    graft_diagnostics_clear(context);
    graft_module *m = graft_module_load_memory(context, at, strlen(at), path, NULL);
    if (m) check(t, path, m, at == text ? 0 : 1);
    graft_module_destroy(m);
  }
  free(text);
}

static void check_file(tally *t, const char *path) {
  context = graft_context_create(NULL);
  if (!context) {
    t->failed++;
    return;
  }
  if (strcmp(path + strlen(path) - 4, ".gir") == 0) {
    check_text(t, path);
  } else {
    graft_module *m = graft_module_load(context, path, NULL);
    if (m) check(t, path, m, 0);
    graft_module_destroy(m);
  }
  graft_context_destroy(context);
}

static void check_path(tally *t, const char *path) {
  struct stat s;
  const char *dot = strrchr(path, '.');
  if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
    list inside;
    if (strstr(path, "/errors")) return;
    list_read_kind(&inside, path, "");
    for (int i = 0; i < inside.count; i++) {
      const char *name = strrchr(inside.paths[i], '/') + 1;
      if (name[0] != '.') check_path(t, inside.paths[i]);
    }
    list_free(&inside);
  } else if (dot && (strcmp(dot, ".gir") == 0 || strcmp(dot, ".onnx") == 0)) {
    check_file(t, path);
  }
}

int main(int argc, char **argv) {
  tally t = {0};
  int i = 1;
  opset = 17;
  for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
    if (strcmp(argv[i], "-o") == 0) folder = argv[i + 1];
    if (strcmp(argv[i], "--opset") == 0) opset = (unsigned)atoi(argv[i + 1]);
  }
  for (; i < argc; i++) check_path(&t, argv[i]);
  printf(
      "%d written: %d come back as they were, %d as the same file, %d lowered again, %d otherwise for a reason; ONNX "
      "cannot say %d; %d failed\n",
      t.written, t.same, t.again, t.lowered, t.other, t.unsaid, t.failed);
  return t.failed > 0 || t.written == 0;
}

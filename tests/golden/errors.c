/* errors FOLDER: every .gir file must fail to load. The first error stands on the line that says `# error: MESSAGE`,
 * and its message contains MESSAGE; `# error anywhere: MESSAGE` is for errors without a line (the verifier's). */
#include "ir/ir.h"
#include "list.h"

static int fail(const char *path, const char *what, const graft_diagnostic *d) {
  char text[2048] = "";
  if (d) graft_diagnostic_format(d, text, sizeof text);
  printf("FAIL %s: %s\n  %s\n", path, what, text);
  return 1;
}

/* The message wanted, up to the end of its line; `*line` is where, 0 for anywhere. */
static char *wanted(const char *text, uint32_t *line) {
  const char *at = strstr(text, "# error: "), *anywhere = strstr(text, "# error anywhere: ");
  *line = 1;
  for (const char *p = text; at && p < at; p++) *line += *p == '\n';
  if (!at) *line = 0;
  const char *from = at ? at + strlen("# error: ") : anywhere ? anywhere + strlen("# error anywhere: ") : NULL;
  return from ? strndup(from, strcspn(from, "\n")) : NULL;
}

static int check(const char *path) {
  graft_context *context = graft_context_create(NULL);
  char *text = list_contents(path);
  uint32_t line = 0;
  char *message = text ? wanted(text, &line) : NULL;
  graft_module *m = context ? graft_module_load(context, path, NULL) : NULL;
  graft_diagnostic d = {0};
  bool any = context && graft_diagnostic_count(context) > 0;
  if (any) d = graft_diagnostic_get(context, 0);
  int bad = 0;
  if (!message)
    bad = fail(path, "says no error", NULL);
  else if (m || !any)
    bad = fail(path, "loads", NULL);
  else if (!strstr(d.message, message))
    bad = fail(path, message, &d);
  else if (line && (d.line != line || d.column == 0 || !d.source[0]))
    bad = fail(path, "is on another line, or without a column", &d);
  else if (line && strcmp(d.file, path) != 0)
    bad = fail(path, "does not name the file", &d);
  else if (line && graft_diagnostic_count(context) > 1 && graft_diagnostic_get(context, 1).severity == GRAFT_ERROR)
    bad = fail(path, "has a second error", &d);
  graft_module_destroy(m);
  graft_context_destroy(context);
  free(message);
  free(text);
  return bad;
}

int main(int argc, char **argv) {
  int failed = 0, count = 0;
  for (int i = 1; i < argc; i++) {
    list files;
    list_read(&files, argv[i]);
    for (int k = 0; k < files.count; k++) failed += check(files.paths[k]);
    count += files.count;
    list_free(&files);
  }
  printf("%d of %d files fail\n", failed, count);
  return failed != 0 || count == 0;
}

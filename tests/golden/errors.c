/* errors FOLDER: every .gir file must fail to load. Each error stands on the line that says `# error: MESSAGE`, in that
 * order, and its message contains MESSAGE; no line has another. `# error anywhere: MESSAGE` is for an error without a
 * line (the verifier's). */
#include "ir/ir.h"
#include "list.h"

static int fail(const char *path, const char *what, const graft_diagnostic *d) {
  char text[2048] = "";
  if (d) graft_diagnostic_format(d, text, sizeof text);
  printf("FAIL %s: %s\n  %s\n", path, what, text);
  return 1;
}

#define MARK "# error: "
#define ANYWHERE "# error anywhere: "

/* The next error after `index`, notes and warnings apart; false: there is none. */
static bool next_error(const graft_context *context, uint32_t *index, graft_diagnostic *d) {
  for (; *index < graft_diagnostic_count(context); ++*index) {
    *d = graft_diagnostic_get(context, *index);
    if (d->severity != GRAFT_ERROR) continue;
    ++*index;
    return true;
  }
  return false;
}

/* One line of the file against the next error. */
static int check_line(const char *path, const char *message, uint32_t line, const graft_diagnostic *d) {
  if (!strstr(d->message, message)) return fail(path, message, d);
  if (line && (d->line != line || d->column == 0 || !d->source[0]))
    return fail(path, "is on another line, or without a column", d);
  if (line && strcmp(d->file, path) != 0) return fail(path, "does not name the file", d);
  return 0;
}

static int check_errors(const char *path, const graft_context *context, const char *text) {
  uint32_t index = 0, line = 0, wanted = 0;
  graft_diagnostic d = {0};
  int bad = 0;
  for (const char *p = text; *p && !bad; p += strcspn(p, "\n"), p += *p == '\n') {
    char *whole = strndup(p, strcspn(p, "\n")), *mark = strstr(whole, MARK), *anywhere = strstr(whole, ANYWHERE);
    const char *message = mark ? mark + strlen(MARK) : anywhere ? anywhere + strlen(ANYWHERE) : NULL;
    line++;
    if (message && !next_error(context, &index, &d)) bad = fail(path, message, NULL);
    if (message && !bad) bad = check_line(path, message, mark ? line : 0, &d);
    wanted += message != NULL;
    free(whole);
  }
  if (!wanted) return fail(path, "says no error", NULL);
  return !bad && next_error(context, &index, &d) ? fail(path, "has another error", &d) : bad;
}

static int check(const char *path) {
  graft_context *context = graft_context_create(NULL);
  char *text = list_contents(path);
  graft_module *m = context ? graft_module_load(context, path, NULL) : NULL;
  int bad = m || !text ? fail(path, "loads", NULL) : check_errors(path, context, text);
  graft_module_destroy(m);
  graft_context_destroy(context);
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

/* bad FOLDER: every .pat and .qz file must be refused. The first error stands, with a column, on the line that says
 * `# error: MESSAGE`, and its message contains MESSAGE. */
#include "../golden/list.h"
#include "patterns/patterns.h"

static int fail(const char *path, const char *what, const graft_diagnostic *d) {
  char text[2048] = "";
  if (d) graft_diagnostic_format(d, text, sizeof text);
  printf("FAIL %s: %s\n  %s\n", path, what, text);
  return 1;
}

static int check(const char *path) {
  graft_context *context = graft_context_create(NULL);
  char *text = list_contents(path), *at = text ? strstr(text, "# error: ") : NULL;
  if (!context || !at) return fail(path, "says no error", NULL);
  uint32_t line = 1;
  for (const char *p = text; p < at; p++) line += *p == '\n';
  char *message = strndup(at + strlen("# error: "), strcspn(at + strlen("# error: "), "\n"));
  graft_quantizers *quantizers = graft_quantizers_create(context, false);
  graft_rules *rules = graft_rules_create(context, false);
  bool rule = strcmp(strrchr(path, '.'), ".pat") == 0;
  int bad = 0;
  graft_status status = rule ? graft_rules_load(rules, path) : graft_quantizers_load(quantizers, path);
  if (status == GRAFT_OK || graft_diagnostic_count(context) == 0) {
    bad = fail(path, "is accepted", NULL);
  } else {
    graft_diagnostic d = graft_diagnostic_get(context, 0);
    if (!strstr(d.message, message))
      bad = fail(path, message, &d);
    else if (d.line != line || d.column == 0 || !d.source[0])
      bad = fail(path, "is on another line, or without a column", &d);
  }
  graft_quantizers_destroy(quantizers);
  graft_rules_destroy(rules);
  graft_context_destroy(context);
  free(message);
  free(text);
  return bad;
}

int main(int argc, char **argv) {
  static const char *const kinds[] = {".pat", ".qz"};
  int failed = 0, count = 0;
  if (argc != 2) return 2;
  for (int k = 0; k < 2; k++) {
    list files;
    list_read_kind(&files, argv[1], kinds[k]);
    for (int i = 0; i < files.count; i++) failed += check(files.paths[i]);
    count += files.count;
    list_free(&files);
  }
  printf("%d files, %d failed\n", count, failed);
  return failed != 0 || count == 0;
}

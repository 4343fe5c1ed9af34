/* bad FOLDER: every .pat and .qz file must be refused, with an error for each `# error: MESSAGE`, in their order, with
 * a column and a line of source, on that line; each contains its MESSAGE. There are no others. */
#include "../golden/list.h"
#include "patterns/patterns.h"

static int fail(const char *path, const char *what, const graft_diagnostic *d) {
  char text[2048] = "";
  if (d) graft_diagnostic_format(d, text, sizeof text);
  printf("FAIL %s: %s\n  %s\n", path, what, text);
  return 1;
}

static uint32_t error_count(const graft_context *context) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++)
    n += graft_diagnostic_get(context, i).severity == GRAFT_ERROR;
  return n;
}

static int check(const char *path) {
  graft_context *context = graft_context_create(NULL);
  char *text = list_contents(path), *at = text ? strstr(text, "# error: ") : NULL;
  if (!context || !at) return fail(path, "says no error", NULL);
  graft_quantizers *quantizers = graft_quantizers_create(context, false);
  graft_rules *rules = graft_rules_create(context, false);
  bool rule = strcmp(strrchr(path, '.'), ".pat") == 0;
  graft_status status = rule ? graft_rules_load(rules, path) : graft_quantizers_load(quantizers, path);
  int bad = status == GRAFT_OK ? fail(path, "is accepted", NULL) : 0;
  uint32_t line = 1, n = 0;
  for (const char *from = text; at && !bad; from = at, at = strstr(at + 1, "# error: "), n++) {
    for (; from < at; from++) line += *from == '\n';
    char *message = strndup(at + strlen("# error: "), strcspn(at + strlen("# error: "), "\n"));
    if (n >= graft_diagnostic_count(context)) {
      bad = fail(path, message, NULL);
    } else {
      graft_diagnostic d = graft_diagnostic_get(context, n);
      if (!strstr(d.message, message))
        bad = fail(path, message, &d);
      else if (d.line != line || d.column == 0 || !d.source[0])
        bad = fail(path, "is on another line, or without a column", &d);
    }
    free(message);
  }
  if (!bad && error_count(context) > n) {
    graft_diagnostic d = graft_diagnostic_get(context, n);
    bad = fail(path, "has another error", &d);
  }
  graft_quantizers_destroy(quantizers);
  graft_rules_destroy(rules);
  graft_context_destroy(context);
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

/* See cli.h. */
#include "tools/cli.h"
#include "ir/formats/file_int.h"
#include "ir/graph/base_int.h"
#include "ir/graph/printable_int.h"
#include "ir/graph/temporary_int.h"
#include "runtime/build_info.h"
#include "tools/guard.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- options ---- */

enum { MAX_OPTIONS = 40, HELP = 0x4000, VERSION, NO_LETTER = 256 };

static void print_help(const cli_command *command) {
  printf("usage: %s %s\n\n%s\n\noptions:\n", command->name, command->usage, command->summary);
  for (const cli_option *o = command->options; o->help; o++) {
    char left[64], letter[8] = "    ";
    if (o->id < NO_LETTER) snprintf(letter, sizeof letter, "-%c%s", o->id, o->name ? ", " : "");
    snprintf(left, sizeof left, "%s%s%s%s%s", letter, o->name ? "--" : "", o->name ? o->name : "",
             o->argument ? " " : "", o->argument ? o->argument : "");
    printf("  %-29s %s\n", left, o->help);
  }
  printf("  %-29s %s\n", "-h, --help", "print this");
  printf("  %-29s %s\n", "    --version", "print the version, and what was built in");
  if (command->examples) printf("\n%s", command->examples);
}

/* What was given may hold anything: it is shown so that it cannot act on a terminal. */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  const int length = vsnprintf(NULL, 0, format, args);
  const size_t size = length < 0 ? 0 : (size_t)length + 1;
  char *plain = malloc(size ? size : 1), *shown = NULL;
  if (plain && size) {
    (void)vsnprintf(plain, size, format, again);
    const size_t room = gr_printable_text(plain, NULL, 0) + 1;
    shown = malloc(room);
    if (shown) gr_printable_text(plain, shown, room);
  }
  va_end(again);
  fputs(shown ? shown : "out of memory", stderr);
  free(plain);
  free(shown);
}

__attribute__((format(printf, 1, 2))) static void say_text(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
}

void cli_say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  fputc('\n', stderr);
}

int cli_usage_error(const cli_command *command, const char *format, ...) {
  fprintf(stderr, "%s: ", command->name);
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  fprintf(stderr, "\ntry '%s --help'\n", command->name);
  return EXIT_USAGE;
}

static bool repeats(const cli_option *o) {
  size_t n = o->argument ? strlen(o->argument) : 0;
  return !o->argument || (n > 3 && strcmp(o->argument + n - 3, "...") == 0);
}

/* What getopt_long did not understand. */
static int wrong_option(const cli_command *command, const char *given) {
  size_t dashes = strspn(given, "-"), n = strcspn(given + dashes, "=");
  const char *name = given + dashes;
  gr_closest near = gr_closest_begin(name, n);
  static const char *const without[] = {"help", "version"}; /* not in the table */
  for (int i = 0; i < 2; i++) {
    if (dashes == 2 && strlen(without[i]) == n && memcmp(without[i], name, n) == 0)
      return cli_usage_error(command, "the option --%s takes no argument", without[i]);
    gr_closest_offer(&near, without[i], strlen(without[i]));
  }
  char matches[400] = "";
  uint32_t count = 0;
  for (const cli_option *o = command->options; dashes == 2 && o->help; o++) {
    if (!o->name) continue;
    if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
      return cli_usage_error(command, "the option --%s takes no argument", o->name);
    gr_closest_offer(&near, o->name, strlen(o->name));
    if (n == 0 || strncmp(o->name, name, n) != 0) continue;
    size_t used = strlen(matches);
    snprintf(matches + used, sizeof matches - used, "%s--%s", count++ ? ", " : "", o->name);
  }
  if (count > 1) return cli_usage_error(command, "the option %s may be %s", given, matches);
  return cli_usage_error(command, "no such option: %s%s", given, gr_closest_hint(&near, "--"));
}

static const cli_option *find_option(const cli_command *command, int id) {
  const cli_option *o = command->options;
  while (o->help && o->id != id) o++;
  return o;
}

static void print_version(const cli_command *command) {
  graft_build_info b = {.size = sizeof b};
  graft_build_info_get(&b);
  printf("%s (graft) %s\n", command->name, b.version);
  printf("oneDNN: %s; kernels: %s, here %s; asserts: %s\n", *b.onednn ? b.onednn : "none", b.instruction_sets,
         b.instruction_set, b.asserts ? "on" : "off");
  printf("ONNX: reads up to opset %u, writes %u to %u; .gfb: version %u; compiled by %s\n", b.onnx_last_read,
         b.onnx_first_written, b.onnx_last_written, b.gfb_version, b.compiler);
}

int cli_parse(const cli_command *command, int argc, char **argv, int *first) {
  struct option longs[MAX_OPTIONS + 3] = {0};
  char shorts[2 * MAX_OPTIONS + 4] = ":h";
  size_t count = 0, used = 2;
  for (const cli_option *o = command->options; o->help && count < MAX_OPTIONS; o++) {
    if (o->name)
      longs[count++] =
          (struct option){.name = o->name, .has_arg = o->argument ? required_argument : no_argument, .val = o->id};
    if (o->id >= NO_LETTER) continue;
    shorts[used++] = (char)o->id;
    if (o->argument) shorts[used++] = ':';
  }
  longs[count++] = (struct option){.name = "help", .val = HELP};
  longs[count] = (struct option){.name = "version", .val = VERSION};
  bool seen[MAX_OPTIONS] = {false};
  guard_begin();
  opterr = 0;
  for (int id; (id = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
    if (id == HELP || id == 'h') {
      print_help(command);
      return cli_end(command, EXIT_DONE);
    }
    const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    if (id == VERSION) {
      print_version(command);
      return cli_end(command, EXIT_DONE);
    }
    if (id == '?') return wrong_option(command, given);
    if (id == ':') return cli_usage_error(command, "the option %s needs an argument", given);
    const cli_option *o = find_option(command, id);
    bool *before = &seen[o - command->options];
    if (*before && !repeats(o)) return cli_usage_error(command, "the option --%s is given twice", o->name);
    *before = true;
    if (!command->set(command->user, id, optarg)) return EXIT_USAGE;
  }
  *first = optind;
  return -1;
}

int cli_end(const cli_command *command, int status) {
  bool ok = fflush(stdout) == 0 && !ferror(stdout);
  return ok || status != EXIT_DONE ? status : cli_fail(command->name, "cannot write to standard output");
}

bool cli_list_add(cli_list *list, const char *item) {
  const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
  if (!items) return false;
  list->items = items;
  items[list->count++] = item;
  return true;
}

void cli_list_free(cli_list *list) {
  free(list->items);
  *list = (cli_list){0};
}

/* ---- files ---- */

/* Read, not mapped: a file that somebody else cuts short or writes to meanwhile must not end or change what we do. All
 * of it is looked at anyway, for its hashes. */
graft_module *cli_load(graft_context *context, const char *path) {
  graft_load_options options = {.size = sizeof options, .check_hashes = true};
  if (strcmp(path, "-") != 0) return graft_module_load(context, path, &options);
  gr_buffer *in = gr_stream_read(context, STDIN_FILENO, "<stdin>");
  graft_module *module = in ? graft_module_load_memory(context, in->data, in->size, "<stdin>", &options) : NULL;
  gr_buffer_release(context, in);
  return module;
}

bool cli_save(graft_module *module, const char *path, const graft_save_options *options) {
  if (strcmp(path, "-") != 0) return graft_module_save_with(module, path, options) == GRAFT_OK;
  char *bytes;
  size_t size;
  graft_save_options o = *options;
  if (o.format == GRAFT_FORMAT_AUTO) o.format = GRAFT_FORMAT_TEXT;
  if (graft_module_print_with(module, &o, &bytes, &size)) return false;
  bool ok = fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0;
  if (!ok) cli_fail("<stdout>", "cannot write: %s", strerror(errno));
  graft_free(graft_module_get_context(module), bytes, size);
  return ok;
}

bool cli_may_write(const char *path) {
  struct stat info;
  if (!path || strcmp(path, "-") == 0) return true;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return cli_fail(path, "is a directory") == EXIT_DONE;
  const char *slash = strrchr(path, '/');
  char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  if (!directory) return cli_fail(path, "out of memory") == EXIT_DONE;
  const bool ok = access(directory, W_OK | X_OK) == 0;
  if (!ok) cli_fail(path, "cannot write: %s", strerror(errno));
  free(directory);
  return ok;
}

bool cli_make_directory(const char *path) {
  char *copy = strdup(path);
  bool ok = copy != NULL;
  for (char *s = copy; ok && s;) {
    s = strchr(s + 1, '/');
    if (s) *s = '\0';
    struct stat info;
    ok = mkdir(copy, 0777) == 0 || (stat(copy, &info) == 0 && S_ISDIR(info.st_mode));
    if (!ok) cli_fail(copy, "cannot make the directory: %s", strerror(errno));
    if (s) *s = '/';
  }
  free(copy);
  return ok;
}

char *cli_path(const char *directory, const char *name, const char *suffix) {
  static const char keep[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t size = strlen(directory) + strlen(name) + (suffix ? strlen(suffix) : 0) + 3;
  char *path = malloc(size);
  if (!path) return NULL;
  snprintf(path, size, "%s/%s%s%s", directory, name, suffix ? "." : "", suffix ? suffix : "");
  for (char *s = path + strlen(directory) + 1; *s; s++)
    if (!strchr(keep, *s)) *s = '_'; /* a suffix has none of these */
  return path;
}

static int compare_strings(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

const char *cli_collision(char **paths, uint32_t count) {
  qsort(paths, count, sizeof *paths, compare_strings);
  for (uint32_t i = 1; i < count; i++)
    if (strcmp(paths[i - 1], paths[i]) == 0) return paths[i];
  return NULL;
}

/* ---- messages ---- */

graft_context *cli_context(const cli_limits *limits) {
  graft_context_options options = {.size = sizeof options, .max_diagnostics = 1000};
  if (limits) {
    options.max_bytes = limits->max_bytes;
    options.max_work = limits->max_work;
  }
  graft_context *context = graft_context_create(&options);
  if (context) gr_watch_temporaries(context, guard_temporary);
  return context;
}

bool cli_limit(const cli_command *command, const char *name, const char *text, uint64_t kilo, uint64_t *limit) {
  static const char units[] = "KMGT";
  if (strcmp(text, "none") == 0) return (*limit = UINT64_MAX) != 0;
  char *end;
  errno = 0;
  uint64_t n = strtoull(text, &end, 10), scale = 1;
  const char *unit = *end ? strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end) : NULL;
  for (ptrdiff_t i = 0; unit && i <= unit - units; i++) scale *= kilo;
  if (*text >= '0' && *text <= '9' && !errno && (!*end || (unit && !end[1])) && n && n <= UINT64_MAX / scale)
    return (*limit = n * scale) != 0;
  cli_usage_error(command, "--%s takes a number above 0, with K, M, G or T behind it, or 'none', not '%s'", name, text);
  return false;
}

void cli_print_diagnostics(const graft_context *context, const char *file) {
  uint32_t count = graft_diagnostic_count(context);
  for (uint32_t i = 0; i < count; i++) {
    graft_diagnostic d = graft_diagnostic_get(context, i);
    if (!d.file[0] && d.severity != GRAFT_NOTE) d.file = file;
    char start[1024]; /* shown alone where there is no memory for more: that may be what the message says */
    size_t length = graft_diagnostic_format(&d, start, sizeof start);
    char *whole = length < sizeof start ? NULL : malloc(length + 1);
    if (whole) graft_diagnostic_format(&d, whole, length + 1);
    const char *text = whole ? whole : start;
    fprintf(stderr, "%s\n", text);
    free(whole);
  }
  uint32_t dropped = graft_diagnostic_dropped(context);
  if (dropped) cli_say("%s: note: %u further messages are not shown", file, dropped);
}

int cli_fail(const char *file, const char *format, ...) {
  say_text("%s: error: ", file);
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  fprintf(stderr, "\n");
  return EXIT_FAILED;
}

/* ---- tables ---- */

bool cli_table_add(cli_table *table, uint32_t depth, const char *name, const char *number, const char *text) {
  if (table->count == table->room) {
    uint32_t room = table->room ? table->room * 2 : 16;
    cli_row *rows = realloc(table->rows, room * sizeof *rows);
    if (!rows) return false;
    table->rows = rows;
    table->room = room;
  }
  const size_t size = gr_printable_text(text, NULL, 0) + 1;
  cli_row *row = &table->rows[table->count];
  row->text = malloc(size); /* names are as long as whoever gave them wanted */
  if (!row->text) return false;
  gr_printable_text(text, row->text, size);
  table->count++;
  const size_t indent = 2 * depth < sizeof row->name ? 2 * depth : sizeof row->name - 1;
  memset(row->name, ' ', indent);
  gr_printable_text(name, row->name + indent, sizeof row->name - indent);
  snprintf(row->number, sizeof row->number, "%s", number);
  return true;
}

void cli_table_print(const cli_table *table, FILE *out, const char *title) {
  size_t name = 0, number = 0;
  for (uint32_t i = 0; i < table->count; i++) {
    const cli_row *row = &table->rows[i];
    name = strlen(row->name) > name ? strlen(row->name) : name;
    number = strlen(row->number) > number ? strlen(row->number) : number;
  }
  fprintf(out, "%s\n", title);
  for (uint32_t i = 0; i < table->count; i++) {
    const cli_row *row = &table->rows[i];
    fprintf(out, "  %-*s  %*s%s%s\n", (int)name, row->name, (int)number, row->number, row->text[0] ? "  " : "",
            row->text);
  }
}

void cli_table_free(cli_table *table) {
  for (uint32_t i = 0; i < table->count; i++) free(table->rows[i].text);
  free(table->rows);
  *table = (cli_table){0};
}

double cli_now(void) {
  struct timespec t;
  return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0.0;
}

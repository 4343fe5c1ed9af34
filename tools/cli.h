/* What ir-opt and ir-run share: option tables, files, diagnostics, tables of numbers. */
#ifndef GRAFT_TOOLS_CLI_H
#define GRAFT_TOOLS_CLI_H

#include <stdio.h>

#include "ir/ir.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* ---- options: one row each, for getopt_long and for --help ---- */

typedef struct cli_option {
  int id;               /* what `set` gets; a letter: the short form too */
  const char *name;     /* long form, or NULL */
  const char *argument; /* its name in the help, with ... where the option may be repeated; NULL: none */
  const char *help;     /* NULL ends the table */
} cli_option;

typedef struct cli_command {
  const char *name, *usage, *summary; /* "ir-opt", "INPUT [options]", what it does */
  const char *examples;               /* below the options */
  const cli_option *options;
  /* Takes one option; false: wrong usage, said already. */
  bool (*set)(void *user, int id, const char *argument);
  void *user;
} cli_command;

/* Reads the command line; positional arguments end in argv[*first...]. -1: go on; else the exit status (--help,
 * --version, errors). */
int cli_parse(const cli_command *command, int argc, char **argv, int *first);
/* "ir-opt: message" and a hint at --help, on standard error; gives EXIT_USAGE. */
int cli_usage_error(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit status in the end: what was printed must have been written. */
int cli_end(const cli_command *command, int status);

/* A growing list of strings that are not owned. */
typedef struct cli_list {
  const char **items;
  uint32_t count;
} cli_list;

bool cli_list_add(cli_list *list, const char *item);
void cli_list_free(cli_list *list);

/* ---- modules and files ---- */

/* "-" is standard input. NULL: said in the context's diagnostics. */
graft_module *cli_load(graft_context *context, const char *path);
/* To the file, or for "-" to standard output, where large tensors of a text are left out. False: said, or in the
 * diagnostics. */
bool cli_save(graft_module *module, const char *path, const graft_save_options *options);
/* Can a file be put there, as far as its directory tells? Asked before what takes long. NULL and "-" can; says why not.
 */
bool cli_may_write(const char *path);
bool cli_make_directory(const char *path); /* and those above it; says why not */
/* DIR/NAME.SUFFIX (without SUFFIX, DIR/NAME) with each character of NAME outside A-Za-z0-9._- as `_`; the caller frees.
 * NULL: no memory. */
char *cli_path(const char *directory, const char *name, const char *suffix);
/* Do two paths of a list agree? Sorts it; gives the path, or NULL. */
const char *cli_collision(char **paths, uint32_t count);

/* What --max-memory and --max-work said: 0: nothing. */
typedef struct cli_limits {
  uint64_t max_bytes, max_work;
} cli_limits;

/* Rows for the options of a command, and what `set` does with them; false: said. */
#define CLI_LIMITS(memory_id, work_id) \
  {memory_id, "max-memory", "SIZE", \
   "hold at most so much: 512M, 2G (K, M, G, T; none: no limit); else 768M and 4 times the bytes of the files"}, \
  { \
    work_id, "max-work", "N", \
        "spend at most so many multiply-adds on what is computed beforehand: 500M, 20G, none; else 2G and 64 for " \
        "each byte " \
        "of the files" \
  }
bool cli_limit(const cli_command *command, const char *name, const char *text, uint64_t kilo, uint64_t *limit);

/* A context that keeps more diagnostics than a library's would. NULL: no memory; `limits` NULL: the defaults. */
graft_context *cli_context(const cli_limits *limits);
/* Prints the context's diagnostics on standard error; `file` stands for those that name none. */
void cli_print_diagnostics(const graft_context *context, const char *file);
/* A line on standard error, of which nothing acts on a terminal. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "file: error: message" on standard error; gives EXIT_FAILED. */
int cli_fail(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- tables ---- */

/* Rows of a name, a number and a text, printed with aligned columns. */
typedef struct cli_row {
  char name[80];
  char number[32];
  char *text;
} cli_row;

typedef struct cli_table {
  cli_row *rows;
  uint32_t count, room;
} cli_table;

/* `depth` indents the name by two blanks each. False: no memory. */
bool cli_table_add(cli_table *table, uint32_t depth, const char *name, const char *number, const char *text);
void cli_table_print(const cli_table *table, FILE *out, const char *title);
void cli_table_free(cli_table *table);

double cli_now(void); /* seconds, monotonic */

#endif

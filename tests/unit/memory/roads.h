/* Every allocation fails, once or from there on, of every road through the library: then there is an error that says
 * so, and the module is valid and the one before the pass or the step that failed, or there is none and the result is
 * right byte for byte. Nothing leaks.
 *
 * A road is a function. It gets what it works on by road_load_for_sure, which finds memory; from there on each
 * allocation may fail. Before each thing that is done as a whole or not at all it calls road_step. On success its
 * result is in `out`. */
#ifndef GRAFT_TEST_ROADS_H
#define GRAFT_TEST_ROADS_H

#include "tests/unit/heap.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

typedef struct bytes {
  char *data;
  size_t size;
} bytes;

void forget(bytes *b);
void append(bytes *b, const void *data, size_t size);
void append_text(bytes *b, const char *text);
void append_module(bytes *b, graft_module *m); /* as text */

typedef struct trial {
  const struct road *road;
  graft_context *c;
  graft_module *m;      /* destroyed behind the road, as the context is */
  graft_context *told;  /* whose diagnostics tell of it, destroyed last; NULL: c */
  void (*finish)(void); /* when all is destroyed; NULL: nothing */
  bytes out;
  uint32_t steps; /* begun */
} trial;

typedef struct road {
  const char *name;
  graft_status (*go)(trial *t);
  const char *input;    /* a text; NULL: the .onnx file of the program's arguments */
  const char *ready;    /* passes that find memory; NULL: none */
  const char *pipeline; /* passes that may not, and what else a road wants to be told */
  graft_format format;
} road;

extern test_heap road_heap;
extern const char *road_file; /* the .onnx file */
extern char road_folder[];    /* empty before each trial, to save into */
extern const char road_network[], road_algebra[], road_layers[], road_branches[];

#define CONVERTED "prepare{per-channel=true,extended=true},convert"

graft_module *road_load(trial *t);
void road_load_for_sure(trial *t); /* into t->m, with the passes `ready` */
void road_step(trial *t);
uint32_t road_files(bytes *out); /* the files of the folder, into `out`; it is empty then */

/* usage: PROGRAM FILE.onnx [both]: `both` ways of failing for each allocation, else one of them. OOM_VERBOSE=1 counts
 * them. */
int roads_main(int argc, char **argv, const road *roads, int count);

#endif

/* select [NODES [NAMES]]: what scope=, name= and skip-name= cost, against the number of nodes and of names listed.
 * Prints the seconds of annotate on a chain of nodes that have source names as exporters write them, one row for each
 * number of names; the cost must not depend on it. */
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPEATS 3

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static graft_module *build(graft_context *c, uint32_t nodes) {
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){8});
  graft_value v = graft_input_add(g, "x", &type);
  for (uint32_t i = 0; i < nodes; i++) {
    char source[80];
    snprintf(source, sizeof source, "/stage%u/stage%u.%u/conv/Relu", i / 1000, i / 1000, i % 1000);
    graft_node_options o = {.size = sizeof o, .op = "relu", .operands = &v, .operand_count = 1, .source = source};
    v = graft_node_result(g, graft_node_create(g, &o), 0);
  }
  graft_output_add(g, "y", v);
  return m;
}

/* annotate{OPTION="stage0.0.conv,stage0.1.conv,…"}, seconds. */
static double measure(graft_context *c, const char *option, uint32_t nodes, uint32_t names) {
  char *text = malloc(64 + 40 * (size_t)names);
  if (!text) exit(1);
  size_t used = (size_t)sprintf(text, "annotate{%s=\"", option);
  for (uint32_t i = 0; i < names; i++) used += (size_t)sprintf(text + used, "stage%u.%u.conv,", i / 1000, i % 1000);
  strcpy(text + used, "\"}");
  double best = 1e9;
  for (int i = 0; i < REPEATS; i++) {
    graft_module *m = build(c, nodes);
    double start = now();
    if (graft_run_passes(m, text, NULL) != GRAFT_OK) exit(1);
    if (now() - start < best) best = now() - start;
    graft_module_destroy(m);
  }
  free(text);
  return best;
}

int main(int argc, char **argv) {
  uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
  uint32_t most = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10000;
  graft_context *c = graft_context_create(NULL);
  if (!c) return 1;
  printf("%u nodes; seconds of annotate with so many names in\n%-8s%12s%12s%12s\n", nodes, "names", "scope", "name",
         "skip-name");
  for (uint32_t names = 1; names <= most; names *= 10)
    printf("%-8u%12.4f%12.4f%12.4f\n", names, measure(c, "scope", nodes, names), measure(c, "name", nodes, names),
           measure(c, "skip-name", nodes, names));
  graft_context_destroy(c);
  return 0;
}

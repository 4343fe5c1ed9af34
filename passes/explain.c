/* graft_rules_explain and graft_quantizers_explain (patterns.h): they evaluate what passes would. */
#include "patterns/patterns_int.h"
#include "runtime/runtime_int.h"

graft_status graft_rules_explain(const graft_rules *rules, graft_graph *graph, const char *node, const char *rule,
                                 char **text, size_t *size) {
  if (text) *text = NULL;
  if (size) *size = 0;
  if (!GR_LIVE(rules, RULES) || !GR_LIVE_IN(gr_handle_context(rules), graph, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  return gr_rules_explain(rules, graph, node, rule, gr_runtime_evaluate, text, size);
}

graft_status graft_quantizers_explain(const graft_quantizers *quantizers, uint32_t index, graft_graph *graph,
                                      const char *node, const char *rule, char **text, size_t *size) {
  if (text) *text = NULL;
  if (size) *size = 0;
  if (!GR_LIVE(quantizers, QUANTIZERS) || !GR_LIVE_IN(gr_handle_context(quantizers), graph, GRAPH))
    return GRAFT_INVALID_ARGUMENT;
  return gr_quantizers_explain(quantizers, index, graph, node, rule, gr_runtime_evaluate, text, size);
}

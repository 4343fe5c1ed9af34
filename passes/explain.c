/* graft_rules_explain and graft_quantizers_explain (patterns.h): they evaluate what passes would. */
#include "ir/graph/base_int.h"
#include "patterns/quantizer_int.h"
#include "runtime/runtime_int.h"

/* Are the set, the graph and a place for the text there? */
static bool ready(const void *set, gr_handle_kind kind, const graft_graph *graph, char **text, size_t *size,
                  const char *function) {
  if (text) *text = NULL;
  if (size) *size = 0;
  if (!gr_handle_is(set, kind)) return gr_handle_refuse(NULL, set, kind, function), false;
  graft_context *c = gr_handle_context(set);
  if (!GR_IS(graph, GRAPH)) return gr_handle_refuse(c, graph, GR_HANDLE_GRAPH, function), false;
  if (text && size) return true;
  gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: there is no place for the text and its size", function);
  return false;
}

graft_status graft_rules_explain(const graft_rules *rules, graft_graph *graph, const char *node, const char *rule,
                                 char **text, size_t *size) {
  if (!ready(rules, GR_HANDLE_RULES, graph, text, size, __func__)) return GRAFT_INVALID_ARGUMENT;
  if (rule && !gr_explain_known(rules, NULL, NULL, 0, graph->module->context, rule)) return GRAFT_NAME;
  gr_rules_use(rules, true);
  const graft_status status = gr_rules_explain(rules, graph, node, rule, gr_runtime_evaluate, text, size);
  gr_rules_use(rules, false);
  return status;
}

graft_status graft_quantizers_explain(const graft_quantizers *quantizers, uint32_t index, graft_graph *graph,
                                      const char *node, const char *rule, char **text, size_t *size) {
  if (!ready(quantizers, GR_HANDLE_QUANTIZERS, graph, text, size, __func__)) return GRAFT_INVALID_ARGUMENT;
  if (rule && index < graft_quantizers_count(quantizers) &&
      !gr_explain_known(NULL, quantizers, &index, 1, graph->module->context, rule))
    return GRAFT_NAME;
  gr_quantizers_use(quantizers, true);
  const graft_status status =
      gr_quantizers_explain(quantizers, index, graph, node, rule, gr_runtime_evaluate, text, size);
  gr_quantizers_use(quantizers, false);
  return status;
}

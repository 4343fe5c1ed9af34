/* Pipelines: a pass that fails leaves what the passes before it did. What rules say about a node. */
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "roads.h"

static const char rules[] =
    "# (x * a) * b = x * (a * b)\n"
    "rule merge_scales\n"
    "match\n"
    "  %m = mul(%x, %a)    one_use\n"
    "  %y = mul(%m, %b)\n"
    "where\n"
    "  const(%a), const(%b), no_spec(%m), no_spec(%y.x), no_spec(%y.other), no_spec(%m.x), no_spec(%m.other)\n"
    "rewrite\n"
    "  const %c = mul(%a, %b)\n"
    "  %y = mul(%x, %c)\n";

static graft_status before(void *user, graft_module *m, const graft_pass_report *report) {
  (void)m;
  if (!report->pipeline) road_step(user);
  return GRAFT_OK;
}

static graft_status passes(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  char file[128];
  snprintf(file, sizeof file, "%s/rules.pat", road_folder);
  FILE *f = fopen(file, "wb");
  ck_assert(f && fputs(rules, f) >= 0 && fclose(f) == 0);
  road_heap.off = false;
  const char *files[] = {file};
  graft_status s = graft_run_passes(t->m, t->road->pipeline,
                                    &(graft_pass_options){.size = sizeof(graft_pass_options),
                                                          .before = before,
                                                          .user = t,
                                                          .pattern_files = files,
                                                          .pattern_file_count = 1});
  remove(file);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

static graft_status explain(trial *t) {
  road_load_for_sure(t);
  graft_rules *set = graft_rules_create(t->c, false);
  graft_quantizers *quantizers = set ? graft_quantizers_create(t->c, true) : NULL;
  graft_status s = quantizers ? graft_rules_add(set, rules, sizeof rules - 1, "rules.pat") : GRAFT_NO_MEMORY;
  for (int i = 0; i < 2 && s == GRAFT_OK; i++) {
    char *text = NULL;
    size_t size = 0;
    graft_graph *g = graft_module_get_graph(t->m, 0);
    s = i ? graft_quantizers_explain(quantizers, 0, g, t->road->pipeline, NULL, &text, &size)
          : graft_rules_explain(set, g, t->road->pipeline, NULL, &text, &size);
    if (s) break;
    append(&t->out, text, size);
    graft_free(t->c, text, size);
  }
  graft_rules_destroy(set);
  graft_quantizers_destroy(quantizers);
  return s;
}

static graft_status check(trial *t) { return graft_check_pipeline(t->c, t->road->pipeline, NULL); }

static const road roads[] = {
    {"explain", explain, road_network, NULL, "conv", 0},
    {"explain", explain, road_algebra, NULL, "mul_4", 0},
    {"check", check, NULL, NULL, "prepare-qat{per-channel=true,scope=\"a,b\"},to-eval,convert,lower", 0},
    {"passes", passes, road_network, NULL, "prepare-qat,to-eval,convert", 0},
    {"passes", passes, road_network, NULL, "fuse-modules{modules=\"conv,bn,relu\",qat=true},to-eval,convert", 0},
    {"passes", passes, road_network, NULL, "to-eval,fuse-modules{auto=true},annotate", 0},
    {"passes", passes, road_network, NULL, "prepare-qat{per-channel=true,quantizer=xnnpack},dce,verify", 0},
    {"passes", passes, road_network, NULL, "to-eval,prepare,convert,merge-dequantize", 0},
    {"passes", passes, NULL, NULL, "prepare-qat,to-eval,convert", 0},
    {"passes", passes, NULL, NULL, "prepare,convert", 0},
    {"passes", passes, road_algebra, NULL,
     "cse,rewrite{rules=merge_scales,fixed-point=true},fold-constants,dce,infer-types", 0},
    {"passes", passes, road_layers, CONVERTED, "lower", 0},
    {"passes", passes, road_layers, CONVERTED, "u8-activations,lower{reference=true}", 0},
    {"passes", passes, road_layers, CONVERTED, "to-onnx", 0},
    {"passes", passes, road_layers, CONVERTED ",lower", "to-onnx{opset=21}", 0},
    {"passes", passes, road_layers, CONVERTED ",lower", "to-onnx{qoperator=false}", 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }

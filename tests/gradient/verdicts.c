/* Every op of the table has a gradient rule or is declared not differentiable; those that still have neither stand
 * here, with the reason. */
#include "ir/ir.h"
#include "ir/op_table.h"
#include "patterns/patterns.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *op, *reason;
} without[] = {
#define WITHOUT(op, reason) {op, reason},
#include "patterns/rules/gradient/without.def"
#undef WITHOUT
};
enum { COUNT = sizeof without / sizeof *without };

static const char *reason_of(const char *op) {
  for (int i = 0; i < COUNT; i++)
    if (strcmp(without[i].op, op) == 0) return without[i].reason;
  return NULL;
}

int main(void) {
  graft_context *context = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(context, true);
  int wrong = rules == NULL, count[3] = {0};
  for (uint32_t i = 0; rules && i < graft_op_count(); i++) {
    const char *op = graft_op_name(i), *reason = reason_of(op);
    const bool rule = graft_rules_have_gradient(rules, i), none = graft_op_is_in(i, "not_differentiable");
    const char *said = rule && none                ? "has a rule and is declared not differentiable"
                       : !rule && !none && !reason ? "has no gradient rule, is not declared not differentiable, and no "
                                                     "reason is given"
                       : (rule || none) && reason  ? "has a verdict: the reason why it has none is not needed"
                                                   : NULL;
    count[rule ? 0 : none ? 1 : 2]++;
    if (said) wrong++, printf("%s %s\n", op, said);
  }
  for (int i = 0; i < COUNT; i++)
    if (graft_op_find(without[i].op) == GRAFT_NONE) wrong++, printf("there is no op %s\n", without[i].op);
  printf("%d ops with a rule, %d not differentiable, %d without a verdict yet\n", count[0], count[1], count[2]);
  graft_rules_destroy(rules);
  graft_context_destroy(context);
  return wrong ? 1 : 0;
}

/* Shape rules of what detectors do with boxes. */
#include "ir/infer/infer_impl.h"

/* One number of this type, where it is given. */
static bool check_number(const gr_rule *r, int constraint, uint32_t slot, graft_dtype dtype) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL) return true;
  const int64_t n = graft_type_elements(t);
  if ((t->dtype == dtype || t->dtype == GRAFT_UNKNOWN) && (n < 0 || n == 1)) return true;
  return gr_infer_fail(r, constraint, "%s is %s of rank %d", gr_rule_operand_name(r, slot), graft_dtype_name(t->dtype),
                       t->rank);
}

bool gr_rule_non_max_suppression(const gr_rule *r) {
  const graft_type *boxes = gr_rule_operand(r, GR_OPERAND(non_max_suppression, boxes)),
                   *scores = gr_rule_operand(r, GR_OPERAND(non_max_suppression, scores));
  graft_type *y = gr_rule_result(r);
  /* C1: boxes [batch, n, 4] and scores [batch, classes, n] are f32. */
  for (uint32_t i = 0; i < 2; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    if (t->dtype != GRAFT_F32 && t->dtype != GRAFT_UNKNOWN)
      return gr_infer_fail(r, 1, "%s is %s", gr_rule_operand_name(r, i), graft_dtype_name(t->dtype));
    if (!gr_check_rank(r, 1, i, 3)) return false;
  }
  if (boxes->rank >= 0 && boxes->dims[2] >= 0 && boxes->dims[2] != 4)
    return gr_infer_fail(r, 1, "a box has %jd numbers", boxes->dims[2]);
  if (boxes->rank >= 0 && scores->rank >= 0 &&
      ((boxes->dims[0] >= 0 && scores->dims[0] >= 0 && boxes->dims[0] != scores->dims[0]) ||
       (boxes->dims[1] >= 0 && scores->dims[2] >= 0 && boxes->dims[1] != scores->dims[2])))
    return gr_infer_fail(r, 1, "%jd times %jd boxes, %jd times %jd scores", boxes->dims[0], boxes->dims[1],
                         scores->dims[0], scores->dims[2]);
  /* C2: max_output_boxes_per_class is one i64, the thresholds are one f32 each. */
  if (!check_number(r, 2, GR_OPERAND(non_max_suppression, max_output_boxes_per_class), GRAFT_I64) ||
      !check_number(r, 2, GR_OPERAND(non_max_suppression, iou_threshold), GRAFT_F32) ||
      !check_number(r, 2, GR_OPERAND(non_max_suppression, score_threshold), GRAFT_F32))
    return false;
  gr_type_set(y, GRAFT_I64, 2);
  y->dims[0] = -1; /* known when it runs */
  y->dims[1] = 3;
  return true;
}

bool gr_rule_roi_align(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(roi_align, x)),
                   *rois = gr_rule_operand(r, GR_OPERAND(roi_align, rois));
  graft_type *y = gr_rule_result(r);
  /* C1: x is [n, c, h, w] and has floats. */
  if (!gr_check_rank(r, 1, GR_OPERAND(roi_align, x), 4) || !gr_check_float(r, 1, GR_OPERAND(roi_align, x)))
    return false;
  /* C2: rois is [count, 5] and of x's type. */
  if (!gr_check_rank(r, 2, GR_OPERAND(roi_align, rois), 2) ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(roi_align, rois), GR_OPERAND(roi_align, x)))
    return false;
  if (rois->rank >= 0 && rois->dims[1] >= 0 && rois->dims[1] != 5)
    return gr_infer_fail(r, 2, "a roi has %jd numbers", rois->dims[1]);
  gr_type_set(y, x->dtype, 4);
  y->dims[0] = rois->rank < 0 ? -1 : rois->dims[0];
  y->dims[1] = x->rank < 0 ? -1 : x->dims[1];
  y->dims[2] = gr_rule_int(r, GR_ATTR(roi_align, pooled_height));
  y->dims[3] = gr_rule_int(r, GR_ATTR(roi_align, pooled_width));
  return true;
}

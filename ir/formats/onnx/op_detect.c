/* RoiAlign: graft's (PyTorch's) boxes begin with the image that they lie in. */
#include "ir/formats/onnx/handler_impl.h"

bool gr_onnx_roi_align(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0), corners = gr_onnx_input(in, 1);
  graft_value image = gr_onnx_input(in, 2);
  if (in->failed) return false;
  const graft_dtype dtype = gr_onnx_value_type(in, corners)->dtype;
  if (dtype == GRAFT_UNKNOWN) {
    graft_type type = {.dtype = gr_onnx_value_type(in, x)->dtype, .rank = 4};
    for (int32_t i = 0; i < type.rank; i++) type.dims[i] = -1;
    return gr_onnx_stays(in, &type, "the dtype of the boxes is not known");
  }
  image = gr_onnx_to(in, image, dtype);
  if (image == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_unsqueeze);
  gr_onnx_set_int(in, "dim", 1);
  image = gr_onnx_step(in, &image, 1);
  if (image == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_cat);
  gr_onnx_set_int(in, "dim", 1);
  const graft_value rois = gr_onnx_step(in, (graft_value[]){image, corners}, 2);
  if (rois == GRAFT_NONE) return false;
  const bool half_pixel =
      in->opset >= 16 && !gr_onnx_attr_is(in, "coordinate_transformation_mode", "output_half_pixel");
  if (gr_onnx_attr(in, "coordinate_transformation_mode") && half_pixel &&
      !gr_onnx_attr_is(in, "coordinate_transformation_mode", "half_pixel"))
    return gr_onnx_fail(in, GRAFT_TYPE, "RoiAlign: unknown coordinate_transformation_mode"), false;
  gr_onnx_begin(in, GR_OP_roi_align);
  gr_onnx_set_mapped(in);
  gr_onnx_set_bool(in, "aligned", half_pixel);
  return gr_onnx_finish(in, (graft_value[]){x, rois}, 2);
}

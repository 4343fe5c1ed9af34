// The main job in C++: a float network to int8, its accuracy, what a backend would emit, a file.
//
//   main_job NETWORK.onnx TRAIN.x.npy TEST.x.npy TEST.y.npy OUT.onnx
#include <graft/graft.hpp>

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <vector>

namespace {

// The elements of a .npy of version 1.
std::vector<char> read(const char *path) {
  std::vector<char> bytes;
  std::FILE *file = std::fopen(path, "rb");
  if (!file) return bytes;
  for (int c; (c = std::getc(file)) != EOF;) bytes.push_back(static_cast<char>(c));
  std::fclose(file);
  if (bytes.size() < 10) return {};
  const std::size_t header = 10u + static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  if (header > bytes.size()) return {};
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return bytes;
}

template <class T> std::vector<T> read_as(const char *path) {
  const std::vector<char> bytes = read(path);
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

constexpr std::size_t image = 64;

double accuracy(graft_graph *graph, const std::vector<float> &x, const std::vector<std::int64_t> &y) {
  graft::session session(graph);
  std::size_t right = 0;
  for (std::size_t i = 0; i < y.size(); i++) {
    if (!session.set_input(0, graft::span<const float>(x.data() + i * image, image), {1, 1, 8, 8}) || !session.run())
      return 0;
    const graft::span<const float> out = session.output<float>(0);
    right += std::max_element(out.begin(), out.end()) - out.begin() == y[i];
  }
  return static_cast<double>(right) / static_cast<double>(y.size());
}

bool calibrate(graft_graph *graph, const std::vector<float> &x, std::size_t batch) {
  graft::session session(graph);
  for (std::size_t at = 0; at + batch * image <= x.size(); at += batch * image)
    if (!session.set_input(0, graft::span<const float>(x.data() + at, batch * image),
                           {static_cast<std::int64_t>(batch), 1, 8, 8}) ||
        !session.run())
      return false;
  return true;
}

bool run(graft::context &context, char **argv) {
  const std::vector<float> train = read_as<float>(argv[2]), x = read_as<float>(argv[3]);
  const std::vector<std::int64_t> y = read_as<std::int64_t>(argv[4]);
  graft::module module = graft::module::load(context, argv[1]);
  if (!module || train.empty() || y.empty() || x.size() != y.size() * image) return false;
  graft::module taken = std::move(module); // owners can be moved
  if (module || !taken.run_passes("prepare-qat{quantizer=xnnpack,per-channel=true}")) return false;
  if (!calibrate(taken.main(), train, 32) || !taken.run_passes("to-eval,convert")) return false;
  const double right = accuracy(taken.main(), x, y);

  int layers = 0;
  for (const graft_quantized_layer &l : graft::layers(taken.main())) {
    if (!l.weight) continue;
    const graft::span<const std::int8_t> weights = graft::elements<std::int8_t>(l.weight->type, l.weight->data);
    std::printf("%s %s: %zu weights, %zu scales, %zu multipliers\n", graft::name_of(taken.main(), l.node).c_str(), l.op,
                weights.size(), graft::scales(*l.weight).size(), graft::multipliers(l).size());
    layers += !weights.empty() && graft::bias_i32(l).size() == l.channels;
  }
  std::size_t nodes = 0;
  for (graft_node n : graft::nodes(taken.main())) nodes += *graft_node_get_op(taken.main(), n) != 0;
  std::string text;
  if (!taken.print(text) || text.find("quantize_per_tensor") == std::string::npos) return false;
  std::printf("%.3f of the answers are right\n", right);
  return layers == 5 && nodes == graft_node_count(taken.main()) && right > 0.95 &&
         static_cast<bool>(taken.save(argv[5]));
}

// Errors are values.
bool refuses(graft::context &context) {
  const graft::status s = graft::module(context).run_passes("no-such-pass");
  const bool said = context.has_errors() && context.text().find("no-such-pass") != std::string::npos;
  context.clear();
  return !s && said && !graft::module::load(context, "/no/such/file") && context.diagnostic_count() > 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  graft::context context;
  if (!run(context, argv)) {
    context.print(stderr);
    return 1;
  }
  return refuses(context) ? 0 : 1;
}

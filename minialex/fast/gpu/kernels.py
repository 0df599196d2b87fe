"""GPU kernels for the layers and for the pictures on their way to them: for what, as array code,
moves more memory than it needs to.

On a GPU most layers wait for memory, so what counts is how often an array is read and written
(`python -m benchmarks.gpu_cost`). A maximum over shifted copies reads each pixel once for every
place in the window; the kernels here read and write each array once. They compute what the NumPy
code beside each call computes; the tests run them on the CPU, compiled as C++, and compare.
"""

from minialex.fast.gpu.kernel import Kernel

#: Which pixel of which picture element i of an array (pictures, height, width, channels) is.
PIXEL = """
    const int element = i, c = element % channels, column = element / channels % width;
    const int row = element / (channels * width) % height;
    const int n = element / (channels * width * height);
"""

#: The windows [first, last] along each side that a pixel is in: those that start at it or before it
#: and reach it.
WINDOWS = """
    const int at_row = row + padding, at_column = column + padding;
    const int first_row = at_row < kernel ? 0 : (at_row - kernel) / stride + 1;
    const int first_column = at_column < kernel ? 0 : (at_column - kernel) / stride + 1;
    const int last_row = min(at_row / stride, out_height - 1);
    const int last_column = min(at_column / stride, out_width - 1);
"""

max_pool_forward = Kernel(
    "max_pool_forward",
    "raw T x",
    "T y, uint8 winner",
    PIXEL
    + """
    T largest = 0;
    int won = 0;  // in a tie the first wins: only what is larger takes over; NaN stays, nobody wins
    for (int k = 0; k < kernel * kernel; ++k) {
        const int h = row * stride + k / kernel - padding;
        const int w = column * stride + k % kernel - padding;
        if (h < 0 || h >= in_height || w < 0 || w >= in_width) continue;
        const T value = x[((n * in_height + h) * in_width + w) * channels + c];
        if (won == 0 || value > largest || (value != value && largest == largest)) {
            largest = value;
            won = kernel * kernel - k;
        }
    }
    y = largest;
    winner = largest == largest ? won : 0;
    """,
)

max_pool_backward = Kernel(
    "max_pool_backward",
    "raw T dy, raw uint8 winner",
    "T dx",
    PIXEL
    + WINDOWS
    + """
    T sum = 0;
    for (int r = first_row; r <= last_row; ++r)
        for (int q = first_column; q <= last_column; ++q) {
            const int window = ((n * out_height + r) * out_width + q) * channels + c;
            const int place = (at_row - r * stride) * kernel + at_column - q * stride;
            if (winner[window] == kernel * kernel - place) sum += dy[window];
        }
    dx = sum;
    """,
)

im2col = Kernel(
    "im2col",
    "raw T x",
    "T columns",
    """
    const int depth = channels / groups, area = kernel * kernel;
    const int windows = pictures * height * width;
    const int element = i, c = element % depth, k = element / depth % area;
    const int number = element / (depth * area);
    const int group = number / windows, window = number % windows, n = window / (width * height);
    const int h = window / width % height * stride + k / kernel - padding;
    const int w = window % width * stride + k % kernel - padding;
    const bool outside = h < 0 || h >= in_height || w < 0 || w >= in_width;
    const int pixel = (n * in_height + h) * in_width + w;
    columns = outside ? T(0) : x[pixel * channels + group * depth + c];
    """,
)

col2im = Kernel(
    "col2im",
    "raw T columns",
    "T dx",
    PIXEL
    + WINDOWS
    + """
    const int depth = channels / groups;
    const int before = c / depth * pictures;  // pictures in the groups before this one
    T sum = 0;
    for (int r = first_row; r <= last_row; ++r)
        for (int q = first_column; q <= last_column; ++q) {
            const int window = ((before + n) * out_height + r) * out_width + q;
            const int place = (at_row - r * stride) * kernel + at_column - q * stride;
            sum += columns[(window * kernel * kernel + place) * depth + c % depth];
        }
    dx = sum;
    """,
)

#: The channels [first, last] in the window around channel c, and where the pixel's own begin.
NEIGHBOURS = """
    const int element = i, c = element % channels, pixel = element - c;
    const int first = max(c - reach, 0), last = min(c + reach, channels - 1);
    T sum = 0;
"""

lrn_forward = Kernel(
    "lrn_forward",
    "raw T x, T alpha, T beta, T k",
    "T y, T s",
    NEIGHBOURS
    + """
    for (int j = first; j <= last; ++j) sum += x[pixel + j] * x[pixel + j];
    s = k + alpha * sum;
    y = x[element] * pow(s, -beta);
    """,
)

lrn_backward = Kernel(
    "lrn_backward",
    "raw T dy, raw T x, raw T y, raw T s, T alpha, T beta",
    "T dx",
    NEIGHBOURS
    + """
    for (int j = first; j <= last; ++j) sum += dy[pixel + j] * y[pixel + j] / s[pixel + j];
    dx = dy[element] * pow(s[element], -beta) - 2 * alpha * beta * x[element] * sum;
    """,
)

#: A picture in one of its views; see data/upload.py. With a gain of 1, the numbers of
#: Standardize to the last bit.
view = Kernel(
    "view",
    "raw uint8 pictures, raw int32 places, raw float32 colours, raw float32 std, raw uint8 fill, "
    "raw float32 relief",
    "T x",
    PIXEL
    + """
    const int h = row + places[5 * n] - padding;
    const int at = places[5 * n + 2] ? width - 1 - column : column;
    const int w = at + places[5 * n + 1] - padding;
    const int cut_row = row - places[5 * n + 3], cut_column = column - places[5 * n + 4];
    const bool cut = cut_row >= 0 && cut_row < side && cut_column >= 0 && cut_column < side;
    const bool outside = h < 0 || h >= height || w < 0 || w >= width;
    const int pixel = ((n * height + h) * width + w) * channels + c;
    const T value = outside ? fill[c] : pictures[pixel];
    const T gain = colours[2 * n * channels + c], mean = colours[(2 * n + 1) * channels + c];
    const int place = (row * width + column) * channels + c;
    x = cut ? T(0) : (gain * value - mean) / std[c] - relief[is_relief ? place : 0];
    """,
)

relu_backward = Kernel("relu_backward", "T dy, T y", "T dx", "dx = dy * (y > 0 ? T(1) : T(0));")

store_key = Kernel("store_key", "uint64 value", "uint64 key", "key = value;")

#: The random bits are those of layers/splitmix64.py.
dropout = Kernel(
    "dropout",
    "raw uint64 key, T x, uint64 threshold, T scale",
    "T y",
    """
    unsigned long long z = (i + 1ULL) * 0x9E3779B97F4A7C15ULL + key[0];
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    y = x * (z >= threshold ? scale : T(0));
    """,
)

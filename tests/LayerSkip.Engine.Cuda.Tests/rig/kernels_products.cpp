// Compiled once for each weight format, like the kernels themselves.
#include "products.cu"
#include "kernel_table.h"

ADD_KERNEL(JOIN(project_, SUFFIX));
ADD_KERNEL(JOIN(project_tiles_, SUFFIX));
ADD_KERNEL(JOIN(project_add_, SUFFIX));
ADD_KERNEL(JOIN(project_add_tiles_, SUFFIX));
ADD_KERNEL(JOIN(gate_up_, SUFFIX));
ADD_KERNEL(JOIN(gate_up_tiles_, SUFFIX));
ADD_KERNEL(JOIN(head_argmax_, SUFFIX));

# Drawn by sizes.sh: sizes.csv is from bench_step, without a heading; peers from peers.py.
set terminal pngcairo size 1000,620 font "sans,11" noenhanced
set output picture
set datafile separator ","
set title "AdamW's step, one thread"
set xlabel "elements of the tensor"
set ylabel "ns an element"
set logscale xy
set xrange [10:5e8]
set yrange [0.05:3000]
set grid
set key top right

ours(method, dtype) = strcol(2) eq method && strcol(3) eq dtype ? $11 : NaN
traffic(method, dtype) = strcol(2) eq method && strcol(3) eq dtype ? $15 / $4 : NaN
peer(name) = strcol(3) eq name ? $8 : NaN

# What is not of a curve is no point of it: a line is drawn through the others.
set datafile missing NaN
plot sizes using 4:(traffic("adamw", "f32")) with lines linewidth 2 dashtype 2 linecolor "gray40" title "bare traffic of f32", \
     sizes using 4:(ours("adamw", "f32")) with linespoints pointtype 7 linecolor "#0060ad" title "f32", \
     sizes using 4:(ours("adamw", "bf16")) with linespoints pointtype 7 linecolor "#009e73" title "bf16", \
     sizes using 4:(ours("adamw", "f16")) with linespoints pointtype 7 linecolor "#56b4e9" title "f16", \
     sizes using 4:(ours("adamw:state_dtype=bf16", "f32")) with linespoints pointtype 7 linecolor "#cc79a7" title "f32, states bf16", \
     sizes using 4:(ours("adamw:state_dtype=int8", "f32")) with linespoints pointtype 7 linecolor "#d55e00" title "f32, states int8", \
     peers skip 1 using 5:(peer("torch fused")) with linespoints pointtype 4 linecolor "black" title "torch fused, f32"

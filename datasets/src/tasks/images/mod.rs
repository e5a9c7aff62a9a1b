//! Photographs, digits, clothing and contours, as pictures and as sequences of pixels.

mod pictures;

tasks! {
    grey: Image;
    pathfinder: Pathfinder, PathX;
    mnist: Sequential, Permuted;
    fashion: Fashion;
    cifar: SequentialCifar10, NoisePaddedCifar10, Cifar10, Cifar100;
    stl10: Stl10;
}

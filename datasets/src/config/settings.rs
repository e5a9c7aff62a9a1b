//! Declaration of the settings of a task.

/// Declares the settings of a task: each field with its default, and among them the sizes of the splits.
///
/// The settings are read with every field optional and none unknown. `..generated("Sequences", "error", SIZES)` stands for
/// `train_samples`, `validation_samples` and `test_samples` of a generated task, `SIZES` by default and each at least 1;
/// `..official("Images for training.", 50_000, 10_000, SIZES)` for those of a task whose training and validation images
/// share an official part of 50 000 and whose test images are of one of 10 000. The method `sizes` gives all three.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$before_meta:meta])* pub $before:ident: $before_type:ty = $before_default:expr,)*
            ..$kind:ident($($argument:tt)*),
            $($(#[$after_meta:meta])* pub $after:ident: $after_type:ty = $after_default:expr,)*
        }
    ) => {
        settings! {
            @$kind($($argument)*)
            { $(#[$meta])* }
            $name
            { $($(#[$before_meta])* pub $before: $before_type = $before_default,)* }
            { $($(#[$after_meta])* pub $after: $after_type = $after_default,)* }
        }
    };
    (@generated($what:literal, $score:literal, $sizes:expr) $($struct:tt)*) => {
        settings! {
            @with_sizes $sizes;
            { #[doc = concat!($what, " for training.")] #[schemars(range(min = 1))] }
            { #[doc = concat!($what, " for choosing the epoch.")] #[schemars(range(min = 1))] }
            { #[doc = concat!($what, " for the reported ", $score, ".")] #[schemars(range(min = 1))] }
            $($struct)*
        }
    };
    (@official($what:literal, $training:literal, $test:literal, $sizes:expr) $($struct:tt)*) => {
        settings! {
            @with_sizes $sizes;
            { #[doc = $what] #[schemars(range(min = 1, max = $training))] }
            {
                /// Images for choosing the epoch, from the back of the balanced order.
                #[schemars(range(min = 1, max = $training))]
            }
            {
                /// Images of the official test file, by class in their shares.
                #[schemars(range(min = 1, max = $test))]
            }
            $($struct)*
        }
    };
    (
        @with_sizes $sizes:expr;
        { $($train:tt)* }
        { $($validation:tt)* }
        { $($test:tt)* }
        { $($meta:tt)* }
        $name:ident
        { $($before:tt)* }
        { $($after:tt)* }
    ) => {
        settings! {
            $($meta)*
            pub struct $name {
                $($before)*
                $($train)* pub train_samples: usize = $sizes.train,
                $($validation)* pub validation_samples: usize = $sizes.validation,
                $($test)* pub test_samples: usize = $sizes.test,
                $($after)*
            }
        }

        impl $name {
            /// Sizes of the splits.
            pub(crate) fn sizes(&self) -> ::vocabulary::SplitSizes {
                let Self { train_samples: train, validation_samples: validation, test_samples: test, .. } = *self;
                ::vocabulary::SplitSizes { train, validation, test }
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty = $default:expr,)* }
    ) => {
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        $(#[$meta])*
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}
pub(crate) use settings;

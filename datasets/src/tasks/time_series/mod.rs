//! Sound, pen movements and vital signs.

tasks! {
    speech_commands: SpeechMfcc, SpeechRaw;
    fsdd: SpokenDigits;
    character_trajectories: CharacterTrajectories;
    physionet2019: Sepsis;
}
